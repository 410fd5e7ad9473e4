#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tcp_copy.sh SERVER_NS ADDRESS CLIENT_NS FILE COPY [PORT]: send FILE from the client's namespace to ADDRESS,
# where it becomes COPY. Needs only bash-free tools: python3, or perl, whichever is there.
IN_NS="sh $(dirname "$0")/in_ns.sh"
server=$1 addr=$2 client=$3 file=$4 copy=$5 port=${6:-7001}
if command -v python3 >/dev/null; then
	recv='import socket,sys
f=socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s=socket.socket(f);s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1);s.bind((sys.argv[1],int(sys.argv[2])));s.listen(1);s.settimeout(20)
print("ready",flush=True);c,_=s.accept();c.settimeout(20)
o=open(sys.argv[3],"wb")
while True:
    b=c.recv(65536)
    if not b: break
    o.write(b)'
	send='import socket,sys
f=socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s=socket.socket(f);s.settimeout(20);s.connect((sys.argv[1],int(sys.argv[2])));s.sendall(open(sys.argv[3],"rb").read());s.shutdown(1);s.recv(1)'
	run=python3 flag=-c
else
	recv='use Socket;my($a,$p,$f)=@ARGV;socket(S,PF_INET,SOCK_STREAM,0)||die;setsockopt(S,SOL_SOCKET,SO_REUSEADDR,1);
bind(S,sockaddr_in($p,inet_aton($a)))||die"bind $!";listen(S,1);alarm 40;accept(C,S)||die;open(O,">",$f)||die;binmode O;
while(sysread(C,my $b,65536)){print O $b}'
	send='use Socket;my($a,$p,$f)=@ARGV;socket(S,PF_INET,SOCK_STREAM,0)||die;alarm 40;connect(S,sockaddr_in($p,inet_aton($a)))||die"connect $!";
open(I,"<",$f)||die;binmode I;while(my $n=sysread(I,my $b,65536)){my $o=0;while($o<$n){my $w=syswrite(S,$b,$n-$o,$o);die unless $w;$o+=$w}}
shutdown(S,1);sysread(S,my $x,1)'
	run=perl flag=-e
fi
$IN_NS "$server" $run $flag "$recv" "$addr" "$port" "$copy" >/dev/null &
pid=$!
trap 'kill $pid 2>/dev/null' EXIT
i=0
until $IN_NS "$server" ss -ltn 2>/dev/null | grep -q ":$port "; do
	i=$((i + 1))
	[ $i -lt 50 ] || exit 1
	sleep 0.1
done
timeout 40 $IN_NS "$client" $run $flag "$send" "$addr" "$port" "$file" || exit 1
wait $pid || exit 1
trap - EXIT
