/* SPDX-License-Identifier: GPL-2.0-or-later */
/* list.h: intrusive doubly linked list. Pure. A node not in a list points to itself. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/alloc.h"

#include <stdbool.h>

struct list {
	struct list *prev;
	struct list *next;
};

static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}
static inline void list_add_after(struct list *at, struct list *n)
{
	n->prev = at;
	n->next = at->next;
	at->next->prev = n;
	at->next = n;
}
static inline void list_push_back(struct list *head, struct list *n)
{
	list_add_after(head->prev, n);
}
static inline void list_push_front(struct list *head, struct list *n)
{
	list_add_after(head, n);
}
/* Take n out of whatever list it is in; harmless if it is in none. */
static inline void list_remove(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}
static inline struct list *list_first(const struct list *head)
{
	return list_empty(head) ? NULL : head->next;
}
#define LIST_ENTRY(ptr, type, member) CONTAINER_OF(ptr, type, member)
/* The current entry may be removed inside the body. */
#define LIST_EACH(it, head)                                                                        \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                  \
	     it = it##_next, it##_next = it->next)

#endif
