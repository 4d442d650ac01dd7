"""Fixtures: every test gets processes, ports and folders of its own."""

import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from sluice.admin import Admin  # noqa: E402
from sluice.proc import Process, wait_for  # noqa: E402
from sluice.redis import Redis  # noqa: E402
from sluice.region import Region  # noqa: E402
from sluice.router import Router  # noqa: E402


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    item.failed = getattr(item, "failed", False) or report.failed


@pytest.fixture
def folder(request):
    """Short, since a unix socket's path may have 107 bytes; kept when the test fails."""
    path = Path(tempfile.mkdtemp(prefix="sluice-sys-"))
    yield path
    Process.stop_all_of(path)
    if getattr(request.node, "failed", False):
        for log in sorted([*path.rglob("*.err"), *path.rglob("redis-*.out")]):
            if text := log.read_text(errors="replace"):
                print(f"--- {log}\n{text[-6000:]}")
        print(f"--- files kept in {path}")
    else:
        shutil.rmtree(path, ignore_errors=True)


class Maker:
    """Builds things and stops them in reverse order."""

    def __init__(self, folder):
        self.folder, self.made = folder, []

    def add(self, thing):
        self.made.append(thing)
        return thing

    def release(self):
        for thing in reversed(self.made):
            thing.stop()


@pytest.fixture
def maker(folder):
    m = Maker(folder)
    yield m
    m.release()


@pytest.fixture
def redis(maker):
    return maker.add(Redis(maker.folder))


@pytest.fixture
def region(maker):
    """region(name="eu-west", key="secret", text="seed", ...): a running Region."""
    return lambda *args, **flags: maker.add(Region(maker.folder, *args, **flags))


@pytest.fixture
def router(maker):
    """router([region, ...], redis_url=None, **config): a ready Router."""
    return lambda *args, **config: maker.add(Router(maker.folder, *args, **config))


REGION_NAMES = ["us-east", "eu-west", "ap-south", "us-west", "eu-north", "sa-east"]


class Fleet:
    def __init__(self, regions, routers, redis, admin):
        self.regions, self.routers, self.redis, self.admin = regions, routers, redis, admin

    @property
    def router(self):
        return self.routers[0]

    def region(self, name):
        return next(r for r in self.regions if r.name == name)

    def attempts(self):
        """What each region saw, by the regions' own count."""
        return [r.attempts() for r in self.regions]


@pytest.fixture
def fleet(maker, region, router, request):
    """fleet(3, 2, retry={"num_retries": 2}): regions by priority, routers on one Redis.

    with_redis=False runs the routers without one; region_flags go to every region.
    """
    def make(n_regions=3, n_routers=1, with_redis=True, region_flags=None, **config):
        shared = request.getfixturevalue("redis") if with_redis else None
        regions = [region(REGION_NAMES[i], f"key-{REGION_NAMES[i]}", **(region_flags or {}))
                   for i in range(n_regions)]
        url = shared.url if shared else None
        routers = [router(regions, url, name=f"router-{i}", **config) for i in range(n_routers)]
        for r in routers if url else []:
            wait_for(r.is_attached, what=f"{r.name} to reach Redis")
        return Fleet(regions, routers, shared, Admin(url) if url else None)
    return make
