from __future__ import annotations

from vlmtui.hardware.base import Snapshot
from vlmtui.stats.engine_state import Phase
from vlmtui.stats.timeline import Moment, Timeline
from vlmtui.ui.widgets.panes.bars import bars


def load(moment: Moment) -> float | None:
    return moment.snapshot.gpu_load


def filled(count: int, phase: Phase = Phase.READY) -> Timeline:
    timeline = Timeline()
    for second in range(count):
        timeline.add(Snapshot(time=second, gpu_load=second / 1000), phase, None)
    return timeline


def test_each_column_is_the_most_of_its_seconds() -> None:
    columns, seconds = filled(180).columns(60, load)
    assert seconds == 3
    assert columns[:3] == [0.002, 0.005, 0.008]


def test_a_short_time_is_not_stretched() -> None:
    columns, seconds = filled(9).columns(60, load)
    assert seconds == 1
    assert len(columns) == 9


def test_wide_graphs_have_a_column_for_each_second() -> None:
    columns, seconds = filled(5).columns(200, load)
    assert seconds == 1
    assert columns == [0.0, 0.001, 0.002, 0.003, 0.004]


def test_a_column_stays_what_it_was_as_time_goes_on() -> None:
    before, _ = filled(240).columns(60, load)
    after, _ = filled(241).columns(60, load)
    assert after[:-1] == before[1:]


def test_only_as_many_columns_as_there_is_room_for_the_newest_last() -> None:
    columns, _ = filled(600).columns(60, load)
    assert len(columns) == 60
    assert columns[-1] == 0.599


def test_old_moments_are_forgotten() -> None:
    assert len(filled(1000)) == 600


def test_a_phase_that_began_and_ended_between_two_snapshots_is_marked() -> None:
    timeline = Timeline()
    timeline.add(Snapshot(time=0), Phase.READY, None)
    timeline.saw(Phase.ENCODING)
    timeline.saw(Phase.PREFILL)
    timeline.add(Snapshot(time=1), Phase.READY, None)
    timeline.add(Snapshot(time=2), Phase.READY, None)
    assert timeline.phases(200) == [None, Phase.ENCODING, None]


def test_the_speed_belongs_to_decoding_only() -> None:
    timeline = Timeline()
    assert timeline.add(Snapshot(time=0), Phase.READY, 12.0).tokens_per_s is None
    assert timeline.add(Snapshot(time=1), Phase.DECODING, 12.0).tokens_per_s == 12.0


def test_a_figure_that_wasnt_measured_leaves_a_gap() -> None:
    assert bars([0.0, None, 1.0], 1.0, 1) == ["▁ ▇"]


def test_bars_are_in_proportion_and_never_over_the_top() -> None:
    assert bars([0.5, 1.0, 7.0], 1.0, 1) == ["▄▇▇"]
    assert bars([1, 2, 4], 4, 1) == ["▃▄▇"]
    assert bars([0.0, 0.0], 0.0, 1) == ["▁▁"]


def test_high_bars_stand_on_several_lines_and_end_below_the_top() -> None:
    assert bars([0.0, 0.5, 1.0, None], 1.0, 2) == ["  ▇ ", "▁██ "]
    assert bars([0.25, 0.75], 1.0, 2) == [" ▃", "▅█"]
