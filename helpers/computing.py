"""This process, set up for computing: what is asked of the C library and of the scheduler before it begins."""

import contextlib
import ctypes
import os
import platform
from collections.abc import Iterator

SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "riscv64": 274}  # {processor: number of the system call on Linux}
SLICE = 100_000  # nanoseconds, the shortest that the scheduler grants


class SchedulerAttributes(ctypes.Structure):
    """`struct sched_attr` of Linux, in its first form."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    )


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees for the next batch; does nothing where the C library is not glibc.

    Memory that is handed back has to be cleared page by page when it is asked for again, which takes a third of the
    time of inference and a tenth of that of training.
    """
    trim_threshold, mmap_threshold = -1, -3  # the numbers of these options in malloc.h
    with contextlib.suppress(OSError, AttributeError, TypeError):  # there is no mallopt
        library = ctypes.CDLL(None)
        library.mallopt(mmap_threshold, 32 << 20)
        library.mallopt(trim_threshold, (1 << 31) - 1)


def take_short_turns() -> None:
    """Let the threads of this process run in short turns; does nothing but on Linux.

    Threads that compute together wait for each other many times a batch. One that asks for short turns gets a processor
    back sooner after it has waited, and no larger share of it: beside programs that never wait, training is slowed down
    less. benchmarks/busy.py measures it. Since Linux 6.12; before, the kernel takes no notice.
    """
    number = SCHED_SETATTR.get(platform.machine())
    if platform.system() != "Linux" or number is None:
        return
    with contextlib.suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        for thread in threads_of_this_process():
            policy = os.sched_getscheduler(thread)
            if policy in (os.SCHED_OTHER, os.SCHED_BATCH):  # others give their own meaning to `runtime`
                nice = os.getpriority(os.PRIO_PROCESS, thread)
                size = ctypes.sizeof(SchedulerAttributes)
                attributes = SchedulerAttributes(size=size, policy=policy, nice=nice, runtime=SLICE)
                library.syscall(number, thread, ctypes.byref(attributes), 0)


def threads_of_this_process() -> Iterator[int]:
    """Yield the numbers that Linux gives the threads of this process; those that start later take after theirs."""
    for name in os.listdir("/proc/self/task"):
        yield int(name)
