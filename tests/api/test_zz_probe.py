import asyncio, httpx, pytest
from tests.api.test_nonsense import *
from tests.api.test_nonsense import lists, WORDS, KEYS
async def test_probe(operator: httpx.AsyncClient) -> None:
    import time
    for path, names in lists():
        for name in names:
            keys = KEYS if name == "cursor" else ()
            t=time.monotonic(); bad=set()
            for word in (*WORDS, *map(encode_cursor, keys)):
                try:
                    async with asyncio.timeout(3):
                        a = await operator.get(path, params={name: word})
                    if a.status_code==500: bad.add(word[:40])
                except TimeoutError:
                    bad.add("HANG "+word[:40]); break
            d=time.monotonic()-t
            if bad or d>2: print("PROBE", path, name, bad, round(d,1), flush=True)
