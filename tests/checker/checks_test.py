"""The checker is checked: a clean history is clean, and each anomaly, made by hand, is found by its name."""

import pathlib
import random
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import schedule
from checks import Check
from history import (COMMITTED, FAIL, OK, UNCOMMITTED, UNKNOWN, EndSeen, Final, History, OffsetCommit, OffsetSeen, Txn,
                     Write, id_of, value_of)


def clean():
    """A partition `a/0` of plain records a1..a6, and two transactions over `in` and `out` with offsets.

    in/0:  0 t1.1 | 1 t1.2 | 2 marker | 3 x.1 (aborted) | 4 marker        out/0: 0 w.1 | 1 w.2 | 2 marker
    """
    h = History()
    for n in range(1, 7):
        h.add_write(Write(f"a{n}", "a", n, "a", 0, True, None, None, n, n + 0.5, OK, n - 1))
    h.add_txn(Txn("t1", "t", 10, 11, 12, "committed"))
    h.add_txn(Txn("x", "t", 13, None, 14, "aborted"))
    h.add_txn(Txn("w", "w", 20, 21, 22, "committed", "g", {("in", 0): 2}))
    for n, (txn, offset) in enumerate((("t1", 0), ("t1", 1), ("x", 3)), 1):
        h.add_write(Write(f"{txn}.{n}", "t", n, "in", 0, True, txn, None, 10, 10.5, OK, offset))
    for n in (1, 2):
        h.add_write(Write(f"w.{n}", "w", n, "out", 0, True, "w", ("in", 0, n - 1), 20, 20.5, OK, n - 1))
    h.exactly_once["g"] = "out"
    everything = {("a", 0): [(n - 1, f"a{n}") for n in range(1, 7)],
                  ("in", 0): [(0, "t1.1"), (1, "t1.2"), (3, "x.3")], ("out", 0): [(0, "w.1"), (1, "w.2")]}
    ends = {("a", 0): 6, ("in", 0): 5, ("out", 0): 3}
    for place, records in everything.items():
        h.finals.append(Final(*place, UNCOMMITTED, list(records), ends[place]))
        h.finals.append(Final(*place, COMMITTED, [r for r in records if r[1] != "x.3"], ends[place]))
        for isolation in (COMMITTED, UNCOMMITTED):
            h.ends_seen += [EndSeen(*place, isolation, 0, 0, 0.1), EndSeen(*place, isolation, ends[place], 90, 91)]
    follower = h.new_session("follower", UNCOMMITTED)
    follower.reads += [("a", 0, n - 1, f"a{n}", n + 1.0) for n in range(2, 7)]
    reader = h.new_session("reader", COMMITTED)
    reader.reads += [("in", 0, 0, "t1.1", 11.5), ("in", 0, 1, "t1.2", 11.5), ("out", 0, 0, "w.1", 21.5)]
    worker = h.new_session("worker", COMMITTED, "g")
    worker.reads += [("in", 0, 0, "t1.1", 19), ("in", 0, 1, "t1.2", 19)]
    member = h.new_session("member", UNCOMMITTED, "m")
    member.reads += [("a", 0, n - 1, f"a{n}", n + 1.0) for n in range(1, 7)]
    h.commits += [OffsetCommit("m", "a", 0, 3, 5, 6, OK), OffsetCommit("m", "a", 0, 6, 8, 9, OK)]
    h.offsets_seen += [OffsetSeen("m", "a", 0, -1, 0, 1), OffsetSeen("m", "a", 0, 3, 7, 7.5),
                       OffsetSeen("m", "a", 0, 6, 95, 96), OffsetSeen("g", "in", 0, 2, 95, 96)]
    return h


def kinds(history, **more):
    return {a.kind for a in Check(history, **more).run()}


def final(h, topic, isolation=UNCOMMITTED):
    return next(f for f in h.finals if f.topic == topic and f.isolation == isolation)


def both(h, topic):
    return [final(h, topic), final(h, topic, COMMITTED)]


def session(h, name):
    return next(s for s in h.sessions if s.name == name)


class Anomalies(unittest.TestCase):
    def found(self, history, kind):
        self.assertIn(kind, kinds(history))

    def test_a_clean_history_is_clean(self):
        self.assertEqual(kinds(clean()), set())

    def test_an_acknowledged_record_that_is_gone_is_lost(self):
        h = clean()
        for f in both(h, "a"):
            f.records = f.records[:5]
            f.end = 5
        self.found(h, "lost")

    def test_an_unanswered_record_may_be_missing_or_there_but_not_twice(self):
        h = clean()
        h.add_write(Write("a7", "a", 7, "a", 0, True))
        self.assertEqual(kinds(h), set())
        for f in both(h, "a"):
            f.records.append((6, "a7"))
            f.end = 7
        self.assertEqual(kinds(h), set())
        for f in both(h, "a"):
            f.records.append((7, "a7"))
            f.end = 8
        self.assertEqual(kinds(h), {"doubled"})

    def test_only_a_producer_without_idempotence_may_double(self):
        h = clean()
        for n in range(1, 7):
            h.writes[f"a{n}"].idempotent = False
        for f in both(h, "a"):
            f.records.append((6, "a6"))
            f.end = 7
        self.assertEqual(kinds(h), set())

    def test_records_that_changed_places_are_reordered(self):
        h = clean()
        for f in both(h, "a"):
            f.records[2], f.records[3] = (2, "a4"), (3, "a3")
        h.writes["a3"].offset, h.writes["a4"].offset = 3, 2
        self.found(h, "reordered")

    def test_a_refused_batch_that_comes_late_is_allowed_without_idempotence_only(self):
        h = clean()
        h.note("end of flip")
        for f in both(h, "a"):
            f.records[2], f.records[3] = (2, "a4"), (3, "a3")
        h.writes["a3"].offset, h.writes["a4"].offset = 3, 2
        self.found(h, "reordered")
        for n in range(1, 7):
            h.writes[f"a{n}"].idempotent = False
        self.assertNotIn("reordered", kinds(h))

    def test_an_acknowledgement_with_a_wrong_offset_is_found(self):
        h = clean()
        h.writes["a3"].offset = 4
        self.found(h, "acked_elsewhere")

    def test_a_changed_value_an_unknown_record_and_a_wrong_partition_are_found(self):
        for record, kind in ((None, "garbled"), ("nobody", "phantom"), ("w.1", "misplaced")):
            h = clean()
            for f in both(h, "a"):
                f.records[5] = (5, record)
            self.found(h, kind)

    def test_a_record_that_never_left_its_client_must_not_appear(self):
        h = clean()
        h.writes["a6"].outcome = FAIL
        self.found(h, "phantom")

    def test_an_aborted_record_that_is_shown_is_found_in_last_reads_and_sessions(self):
        h = clean()
        final(h, "in", COMMITTED).records.append((3, "x.3"))
        self.found(h, "aborted_read")
        h = clean()
        session(h, "reader").reads.insert(2, ("in", 0, 3, "x.3", 15))
        self.found(h, "aborted_read")

    def test_a_late_write_that_kip_890_explains_is_counted_apart(self):
        h = clean()
        h.writes["x.3"].outcome = UNKNOWN
        h.add_txn(Txn("later", "t", 15, 16, 17, "committed"))
        final(h, "in", COMMITTED).records.append((3, "x.3"))
        check = Check(h)
        self.assertEqual([a.kind for a in check.run()], [])
        self.assertEqual(check.allowed["late write (KIP-890)"], 1)

    def test_a_transaction_shown_in_part_is_torn_whatever_was_told_about_it(self):
        for outcome in ("committed", UNKNOWN):
            h = clean()
            h.txns["t1"].outcome = outcome
            final(h, "in", COMMITTED).records.pop(0)
            session(h, "reader").reads.pop(0)
            self.found(h, "torn")

    def test_a_committed_transaction_that_is_not_shown_at_all_is_lost(self):
        h = clean()
        final(h, "in", COMMITTED).records = []
        self.found(h, "lost")

    def test_an_unknown_transaction_may_be_missing_as_a_whole(self):
        h = clean()
        h.txns["t1"].outcome = h.txns["w"].outcome = UNKNOWN
        final(h, "in", COMMITTED).records, final(h, "out", COMMITTED).records = [], []
        h.sessions = [s for s in h.sessions if s.isolation == UNCOMMITTED]
        h.offsets_seen = [s for s in h.offsets_seen if s.group == "m"]
        self.assertEqual(kinds(h), set())

    def test_a_record_read_before_its_commit_began_is_found(self):
        h = clean()
        session(h, "reader").reads[0] = ("in", 0, 0, "t1.1", 10.9)
        self.found(h, "read_before_commit")

    def test_a_session_that_goes_back_skips_or_sees_what_vanishes_is_found(self):
        h = clean()
        session(h, "follower").reads.append(("a", 0, 2, "a3", 20))
        self.found(h, "went_back")
        h = clean()
        session(h, "follower").reads.pop(2)
        self.found(h, "skipped")
        h = clean()
        h.add_write(Write("a7", "a", 7, "a", 0, True))
        session(h, "follower").reads.append(("a", 0, 6, "a7", 20))
        self.found(h, "vanished")

    def test_two_readers_of_one_offset_must_see_one_record(self):
        h = clean()
        session(h, "follower").reads[0] = ("a", 0, 1, "a1", 3)
        self.found(h, "diverged")

    def test_ends_must_not_go_back_nor_the_stable_one_pass_the_other(self):
        for seen in (EndSeen("a", 0, UNCOMMITTED, 3, 92, 93), EndSeen("a", 0, COMMITTED, 3, 92, 93),
                     EndSeen("a", 0, UNCOMMITTED, 5, 80, 81)):     # offset 5 was acknowledged at 6.5
            h = clean()
            h.ends_seen.append(seen)
            self.found(h, "end_went_back")
        h = clean()
        h.ends_seen += [EndSeen("in", 0, COMMITTED, 5, 30, 31), EndSeen("in", 0, UNCOMMITTED, 4, 32, 33)]
        self.found(h, "end_went_back")

    def test_offsets_that_no_control_record_explains_are_a_gap(self):
        h = clean()
        for f in both(h, "a"):
            f.end = 7
        self.found(h, "gap")
        h = clean()
        for f in both(h, "in"):
            f.end = 6
        self.found(h, "gap")
        self.assertEqual(kinds(h, markers_max=2), set())

    def test_a_read_that_does_not_come_to_its_end_is_stuck(self):
        h = clean()
        final(h, "a").stuck = "no answer"
        self.found(h, "stuck")


class Groups(unittest.TestCase):
    def found(self, history, kind):
        self.assertIn(kind, kinds(history))

    def test_a_committed_offset_that_is_gone_or_older_is_lost(self):
        for offset in (-1, 3):
            h = clean()
            h.offsets_seen.append(OffsetSeen("m", "a", 0, offset, 50, 51))
            self.found(h, "offset_lost")

    def test_a_commit_without_an_answer_may_count_later(self):
        h = clean()
        h.commits.append(OffsetCommit("m", "a", 0, 4, 7, 7.5, UNKNOWN))
        h.offsets_seen.append(OffsetSeen("m", "a", 0, 4, 50, 51))
        self.assertEqual(kinds(h), set())

    def test_an_offset_that_nobody_committed_is_found(self):
        for offset, kind in ((9, "offset_ahead"), (5, "offset_invented")):
            h = clean()
            h.commits[1].done = 60
            h.offsets_seen.append(OffsetSeen("m", "a", 0, offset, 50, 51))
            self.found(h, kind)

    def test_offsets_of_an_aborted_transaction_do_not_count(self):
        h = clean()
        h.add_txn(Txn("w2", "w", 30, 31, 32, "aborted", "g", {("in", 0): 4}))
        h.offsets_seen.append(OffsetSeen("g", "in", 0, 4, 50, 51))
        self.found(h, "offset_ahead")

    def test_records_that_a_group_passed_over_are_found(self):
        h = clean()
        session(h, "member").reads.pop(0)
        self.found(h, "group_skipped")

    def test_an_input_with_two_outputs_was_processed_twice(self):
        h = clean()
        h.writes["w.2"].source = ("in", 0, 0)
        found = kinds(h)
        self.assertIn("processed_twice", found)
        self.assertIn("not_processed", found)

    def test_outputs_and_offsets_belong_together(self):
        h = clean()
        h.offsets_seen[-1].offset = 1
        h.txns["w"].offsets[("in", 0)] = 1
        self.found(h, "offset_behind")


class Parts(unittest.TestCase):
    def test_a_value_comes_back_as_its_id_and_no_flipped_bit_passes(self):
        rng = random.Random(7)
        for size in (0, 30, 100, 400):
            value = value_of("idem1g1.42", size)
            self.assertEqual(id_of(value), "idem1g1.42")
            for _ in range(200):
                changed = bytearray(value)
                changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
                self.assertIsNone(id_of(bytes(changed)))
        for broken in (None, b"", b"x" * 5, value[:-1]):
            self.assertIsNone(id_of(broken))

    def test_a_seed_gives_the_same_plan_with_a_kill_in_it(self):
        for n in range(50):
            one, two = schedule.plan(f"3/{n}"), schedule.plan(f"3/{n}")
            self.assertEqual(str([str(f) for f in one.faults]), str([str(f) for f in two.faults]))
            self.assertTrue(any(f.kind.startswith("kill") for f in one.faults))
        self.assertNotEqual(str(schedule.plan("3/1")), str(schedule.plan("3/2")))

    def test_a_history_can_be_written_down(self):
        with tempfile.NamedTemporaryFile("r") as out:
            clean().dump(out.name)
            self.assertGreater(len(out.read().splitlines()), 30)


if __name__ == "__main__":
    unittest.main()
