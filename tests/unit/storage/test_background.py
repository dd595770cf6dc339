import os
import sys
import threading

import pytest

from xase_server.storage.background import stand_back


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows the niceness of a thread")
def test_only_the_thread_that_asks_stands_back():
    before = os.getpriority(os.PRIO_PROCESS, 0)
    seen = []

    def keep_house() -> None:
        stand_back()
        seen.append(os.getpriority(os.PRIO_PROCESS, 0))

    thread = threading.Thread(target=keep_house)
    thread.start()
    thread.join()
    assert seen == [min(before + 10, 19)]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
