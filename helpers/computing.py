"""This process, set up for computing: what is asked of the C library, and of the scheduler, before it and meanwhile."""

import contextlib
import ctypes
import os
import platform
import random
import threading
import time
from collections.abc import Collection, Iterator

import psutil
import torch

SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "riscv64": 274}  # {processor: number of the system call on Linux}
SLICE = 100_000  # nanoseconds, the shortest that the scheduler grants
LOOK_EVERY = 0.25  # seconds


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


@contextlib.contextmanager
def giving_way() -> Iterator[None]:
    """Keep the threads of this process, while the block runs, on the cores that other programs leave free.

    Threads that compute together are as slow as the slowest of them. One that shares its core with another program
    holds up all; two that share a core with each other alone take turns and are done sooner. Their number, on which the
    bits depend, stays as it is. Does nothing where the system does not say where threads may run, and where somebody
    has said so for each thread. benchmarks/busy.py measures it.
    """
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()
    if len(allowed) < 2 or not all(os.sched_getaffinity(thread) == allowed for thread in threads_of_this_process()):
        yield
        return
    ended = threading.Event()
    watcher = threading.Thread(target=give_way, args=(allowed, ended), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        run_on(allowed)


def give_way(allowed: Collection[int], ended: threading.Event) -> None:
    """Look, until `ended`, how many of the cores `allowed` others keep busy, and let our threads run on the rest.

    Which cores these are is drawn by chance, so that two trainings that give way to each other come apart.
    """
    generator = random.Random()
    present = len(allowed)
    before = seconds_spent(allowed)
    while not ended.wait(LOOK_EVERY):
        now = seconds_spent(allowed)
        passed, by_all, by_us = (late - early for late, early in zip(now, before, strict=True))
        wanted = cores_left(len(allowed), (by_all - by_us) / passed, torch.get_num_threads())
        if wanted != present:
            run_on(generator.sample(sorted(allowed), wanted))
        present, before = wanted, now


def cores_left(cores: int, by_others: float, threads: int) -> int:
    """Return how many of our `cores` our `threads` are to run on where others keep `by_others` of them busy.

    All of them, where there is a core for each thread beside the others.
    """
    left = max(1, round(cores - by_others))
    return left if left < threads else cores


def seconds_spent(cores: Collection[int]) -> tuple[float, float, float]:
    """Return the time, how long `cores` have worked for anybody, and how long this process has computed; seconds."""
    times = psutil.cpu_times(percpu=True)
    by_all = sum(times[core].user + times[core].nice + times[core].system for core in cores if core < len(times))
    return time.perf_counter(), by_all, time.process_time()


def run_on(cores: Collection[int]) -> None:
    """Let every thread of this process run on `cores` alone; those that start later take after theirs."""
    for thread in threads_of_this_process():
        with contextlib.suppress(OSError):  # it has just ended
            os.sched_setaffinity(thread, cores)
