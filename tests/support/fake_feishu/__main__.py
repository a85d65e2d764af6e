"""python3 -m fake_feishu: prints {"port", "control"}, ends with its stdin or on SIGTERM."""
import asyncio
import json
import os
import signal
import sys

from .http import serve
from .platform import Platform


async def main():
    platform = Platform()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_signal_handler(signal.SIGINT, ended.set)
    loop.add_reader(sys.stdin.fileno(), lambda: os.read(sys.stdin.fileno(), 4096) or ended.set())
    public = await serve(platform.handle, int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    control = await serve(platform.control)
    print(json.dumps({"port": public.sockets[0].getsockname()[1], "control": control.sockets[0].getsockname()[1]}),
          flush=True)
    await ended.wait()
    public.close()
    control.close()


asyncio.run(main())
