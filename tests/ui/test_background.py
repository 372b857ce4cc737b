"""Work that goes on while the screen does."""

from __future__ import annotations

import asyncio
import gc
import warnings

from textual.app import App

from vlmtui.ui import background


async def test_work_that_is_given_up_before_it_began_leaves_no_warning() -> None:
    begun = []

    async def work() -> None:
        begun.append(True)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        async with App[None]().run_test() as pilot:
            background.start(pilot.app.screen, work(), "some", print).cancel()
            await asyncio.sleep(0)
            await background.start(pilot.app.screen, work(), "some", print).wait()
        gc.collect()
    assert begun == [True]
    assert not [str(warning.message) for warning in told]
