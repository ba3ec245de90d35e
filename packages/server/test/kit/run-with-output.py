"""Runs a program whose standard output and error are one device, and ends with its exit code.

usage: run-with-output.py pty|pipe|socket COMMAND...
Commands on standard input: `fill` writes until the device is full, `close` closes its other end, `read` reads from then on.
"""
import fcntl, os, pty, signal, socket, subprocess, sys, threading

kind, command = sys.argv[1], sys.argv[2:]
if kind == 'pty':
    reader, writer = pty.openpty()
elif kind == 'pipe':
    reader, writer = os.pipe()
else:
    ends = socket.socketpair()
    reader, writer = (end.detach() for end in ends)


def fill():
    flags = fcntl.fcntl(writer, fcntl.F_GETFL)
    fcntl.fcntl(writer, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    try:
        while True:
            os.write(writer, b'x')
    except BlockingIOError:
        fcntl.fcntl(writer, fcntl.F_SETFL, flags)


def read():
    while True:
        try:
            data = os.read(reader, 65536)
        except OSError:
            break
        if not data:
            break
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


child = None
for line in sys.stdin:
    order = line.strip()
    if order == 'fill':
        fill()
    elif order == 'close':
        os.close(reader)
    elif order == 'read':
        threading.Thread(target=read, daemon=True).start()
    elif order == 'term':
        child.send_signal(signal.SIGTERM)
        break
    elif order == 'start':
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=writer, stderr=writer)
        os.close(writer)
try:
    code = child.wait(timeout=15)
except subprocess.TimeoutExpired:
    child.kill()
    code = 99
os._exit(code if code >= 0 else 100)
