"""Judges a History: a list of anomalies, empty when everything that was promised holds.

Nothing here talks to a broker. What Kafka's protocol allows is not an anomaly:
  - a record whose producer was never told (unknown) may be there once, or not at all;
  - a producer without idempotence may double what it repeats;
  - a commit of offsets without an answer may take effect at any later time;
  - KIP-890: a batch that its client gave up when it aborted may still arrive and become part of the next
    transaction of the same producer and epoch. Such records are counted in `allowed`.
"""

import collections
import dataclasses

from history import COMMITTED, FAIL, OK, UNCOMMITTED, UNKNOWN, History


@dataclasses.dataclass(frozen=True)
class Anomaly:
    kind: str
    text: str


class Check:
    """All checks over one history. `markers_max`: how many control records one transaction's end may leave in a
    partition (Apache Kafka writes another one when its coordinator restarts before it knew of the first)."""

    def __init__(self, history: History, markers_max: int = 1):
        self.h = history
        self.markers_max = markers_max
        self.found: list[Anomaly] = []
        self.allowed = collections.Counter()
        self.at = {COMMITTED: {}, UNCOMMITTED: {}}          # isolation -> place -> {offset: id}
        self.places = {COMMITTED: collections.defaultdict(list), UNCOMMITTED: collections.defaultdict(list)}
        for final in history.finals:
            place = (final.topic, final.partition)
            self.at[final.isolation][place] = dict(final.records)
            for offset, record_id in final.records:
                if record_id is not None:
                    self.places[final.isolation][record_id].append((*place, offset))
        self.txn_writes = collections.defaultdict(list)
        for write in history.writes.values():
            if write.txn is not None:
                self.txn_writes[write.txn].append(write)

    def add(self, kind, text):
        self.found.append(Anomaly(kind, text))

    def run(self) -> list[Anomaly]:
        for check in (self.finals_are_whole, self.values, self.acknowledged, self.doubles, self.order,
                      self.transactions, self.sessions, self.same_offsets, self.ends, self.gaps,
                      self.group_offsets, self.group_coverage, self.exactly_once):
            check()
        return self.found

    # -- records --------------------------------------------------------------------------------------------
    def finals_are_whole(self):
        for final in self.h.finals:
            name = f"{final.topic}/{final.partition} {final.isolation}"
            if final.stuck:
                self.add("stuck", f"{name}: {final.stuck}")
            offsets = [offset for offset, _ in final.records]
            if any(b <= a for a, b in zip(offsets, offsets[1:])):
                self.add("went_back", f"{name}: the last read's offsets do not rise")
        for place, records in self.at[COMMITTED].items():
            missing = records.keys() - self.at[UNCOMMITTED].get(place, {}).keys()
            if missing and not self.is_stuck(place):
                self.add("vanished", f"{place}: read_committed shows offsets that read_uncommitted does not: "
                                     f"{sorted(missing)[:5]}")

    def is_stuck(self, place):
        return any(f.stuck for f in self.h.finals if (f.topic, f.partition) == place)

    def values(self):
        """Every record that anybody saw is one that was sent, unchanged, to that partition."""
        def look(place, offset, record_id, who):
            if record_id is None:
                self.add("garbled", f"{place} offset {offset}: {who} read a value that nobody sent")
                return
            write = self.h.writes.get(record_id)
            if write is None:
                self.add("phantom", f"{place} offset {offset}: {who} read {record_id}, which was never sent")
            elif (write.topic, write.partition) != place:
                self.add("misplaced", f"{record_id} was sent to {write.topic}/{write.partition}, "
                                      f"{who} read it at {place} offset {offset}")
            elif write.outcome == FAIL:
                self.add("phantom", f"{record_id} never left its client, but {who} read it at {place} {offset}")
        for final in self.h.finals:
            for offset, record_id in final.records:
                look((final.topic, final.partition), offset, record_id, "the last read")
        for session in self.h.sessions:
            for topic, partition, offset, record_id, _ in session.reads:
                look((topic, partition), offset, record_id, session.name)

    def acknowledged(self):
        for write in self.h.writes.values():
            if write.outcome != OK:
                continue
            places = self.places[UNCOMMITTED].get(write.id, [])
            if not places:
                self.add("lost", f"{write.id} was acknowledged at {write.topic}/{write.partition} offset "
                                 f"{write.offset} and is not there")
            elif write.offset >= 0 and (write.topic, write.partition, write.offset) not in places:
                self.add("acked_elsewhere", f"{write.id} was acknowledged at offset {write.offset} and is at {places}")

    def doubles(self):
        for record_id, places in self.places[UNCOMMITTED].items():
            write = self.h.writes.get(record_id)
            if len(places) > 1 and write is not None and write.idempotent:
                self.add("doubled", f"{record_id} of an idempotent producer is at {places}")

    def order(self):
        """Per producer and partition the offsets rise with the calls; of plain ones the first appearances."""
        # Its client may send a batch that was refused as corrupt after later ones.
        flipped = any(text == "end of flip" for _, text in self.h.events)
        latest = {}
        for final in self.h.finals:
            if final.isolation != UNCOMMITTED:
                continue
            seen = set()
            for offset, record_id in final.records:
                write = self.h.writes.get(record_id)
                if write is None or record_id in seen or not (write.idempotent or write.outcome == OK):
                    continue
                seen.add(record_id)
                key = (write.producer, final.topic, final.partition)
                if key in latest and latest[key].n > write.n:
                    if flipped and not write.idempotent:
                        self.allowed["a refused batch sent again, without idempotence"] += 1
                        continue
                    self.add("reordered", f"{record_id} at {key[1:]} offset {offset} stands behind {latest[key].id}")
                else:
                    latest[key] = write

    # -- transactions ---------------------------------------------------------------------------------------
    def is_late(self, write, txn):
        """KIP-890: given up by its client with the abort, and taken into the producer's next transaction."""
        return (write.outcome != OK and txn.outcome == "aborted" and
                any(t.producer == txn.producer and t.begun > txn.begun for t in self.h.txns.values()))

    def transactions(self):
        shown = self.places[COMMITTED]
        for txn in self.h.txns.values():
            writes = [w for w in self.txn_writes[txn.id] if w.outcome != FAIL]
            there = [w for w in writes if w.id in shown]
            missing = [w for w in writes if w.id not in shown]
            if txn.outcome == "aborted" or txn.commit_invoked is None:
                for write in there:
                    if self.is_late(write, txn):
                        self.allowed["late write (KIP-890)"] += 1
                    else:
                        self.add("aborted_read", f"{write.id} of {txn.id}, which was not committed, is shown at "
                                                 f"{shown[write.id]}")
            elif there and missing:
                self.add("torn", f"{txn.id} ({txn.outcome}) shows {len(there)} of {len(writes)} records; missing "
                                 f"{[(w.id, w.topic, w.partition) for w in missing[:4]]}")
            elif missing and txn.outcome == "committed":
                self.add("lost", f"{txn.id} was committed and none of its {len(writes)} records is shown")

    # -- consumers ------------------------------------------------------------------------------------------
    def sessions(self):
        """Each session sees, from where it began, exactly what the last read found, in that order."""
        finals = {i: {p: sorted(r) for p, r in self.at[i].items()} for i in (COMMITTED, UNCOMMITTED)}
        for session in self.h.sessions:
            by_place = collections.defaultdict(list)
            for topic, partition, offset, record_id, moment in session.reads:
                by_place[(topic, partition)].append(offset)
                if session.isolation == COMMITTED:
                    self.not_too_early(session, record_id, moment, (topic, partition, offset))
            for place, offsets in by_place.items():
                back = [(a, b) for a, b in zip(offsets, offsets[1:]) if b <= a]
                if back:
                    self.add("went_back", f"{session.name} on {place} went from offset {back[0][0]} to {back[0][1]}")
                    continue
                expected = finals[session.isolation].get(place, [])
                if self.is_stuck(place):
                    continue
                known, seen = set(expected), set(offsets)
                if vanished := sorted(seen - known):
                    self.add("vanished", f"{session.name} ({session.isolation}) read {place} offsets {vanished[:5]}, "
                                         f"which the last read did not find")
                if skipped := [o for o in expected if offsets[0] <= o <= offsets[-1] and o not in seen]:
                    self.add("skipped", f"{session.name} ({session.isolation}) passed over {place} offsets "
                                        f"{skipped[:5]}")

    def not_too_early(self, session, record_id, moment, place):
        write = self.h.writes.get(record_id)
        txn = self.h.txns.get(write.txn) if write is not None and write.txn else None
        if txn is None or self.is_late(write, txn):
            return
        if txn.outcome == "aborted" or txn.commit_invoked is None:
            self.add("aborted_read", f"{session.name} read {record_id} at {place} of {txn.id}, which was not committed")
        elif moment < txn.commit_invoked:
            self.add("read_before_commit", f"{session.name} read {record_id} at {place} before {txn.id} was to be "
                                           f"committed")

    def same_offsets(self):
        """Whoever reads an offset, whenever: the same record."""
        first = {}
        def look(place, offset, record_id, who):
            known = first.setdefault((place, offset), (record_id, who))
            if known[0] != record_id:
                self.add("diverged", f"{place} offset {offset} is {known[0]} to {known[1]} and {record_id} to {who}")
        for final in self.h.finals:
            for offset, record_id in final.records:
                look((final.topic, final.partition), offset, record_id, f"the last {final.isolation}")
        for session in self.h.sessions:
            for topic, partition, offset, record_id, _ in session.reads:
                look((topic, partition), offset, record_id, session.name)

    def ends(self):
        """Neither end goes back; the stable one is not ahead; what was acknowledged is before the end."""
        by_place = collections.defaultdict(list)
        for end in self.h.ends_seen:
            by_place[(end.topic, end.partition)].append(end)
        acked = collections.defaultdict(list)
        for write in self.h.writes.values():
            if write.outcome == OK and write.offset >= 0:
                acked[(write.topic, write.partition)].append((write.done, write.offset))
        for place, ends in by_place.items():
            # What is known by some moment to have been reached, from answers that were there by then.
            facts = {i: sorted((e.done, e.offset) for e in ends if e.isolation == i) for i in (COMMITTED, UNCOMMITTED)}
            facts[UNCOMMITTED] = sorted(facts[UNCOMMITTED] + facts[COMMITTED] +
                                        [(done, offset + 1) for done, offset in acked[place]])
            for isolation in (COMMITTED, UNCOMMITTED):
                reached, at = -1, 0
                for end in sorted((e for e in ends if e.isolation == isolation), key=lambda e: e.invoked):
                    while at < len(facts[isolation]) and facts[isolation][at][0] <= end.invoked:
                        reached = max(reached, facts[isolation][at][1])
                        at += 1
                    if end.offset < reached:
                        self.add("end_went_back", f"{place} {isolation}: the end was {end.offset} after {reached} "
                                                  f"had been reached")

    def gaps(self):
        """Offsets without a record are control records, at most `markers_max` for each transaction."""
        touched = collections.defaultdict(set)
        for txn, writes in self.txn_writes.items():
            for write in writes:
                touched[(write.topic, write.partition)].add(txn)
        for final in self.h.finals:
            if final.isolation != UNCOMMITTED or final.stuck:
                continue
            place = (final.topic, final.partition)
            holes = final.end - len([1 for offset, _ in final.records if offset < final.end])
            if holes > len(touched[place]) * self.markers_max:
                self.add("gap", f"{place}: {holes} of {final.end} offsets have no record, but only "
                                f"{len(touched[place])} transactions wrote there")

    # -- groups ---------------------------------------------------------------------------------------------
    def group_commits(self):
        """(group, topic, partition) -> (offset, invoked, done, outcome) of all tries, transactional or not."""
        tries = collections.defaultdict(list)
        for c in self.h.commits:
            tries[(c.group, c.topic, c.partition)].append((c.offset, c.invoked, c.done, c.outcome))
        for txn in self.h.txns.values():
            if txn.group is None or txn.commit_invoked is None or txn.outcome == "aborted":
                continue
            outcome = OK if txn.outcome == "committed" else UNKNOWN
            for (topic, partition), offset in txn.offsets.items():
                tries[(txn.group, topic, partition)].append((offset, txn.commit_invoked, txn.done, outcome))
        return tries

    def group_offsets(self):
        tries = self.group_commits()
        for seen in self.h.offsets_seen:
            own = tries.get((seen.group, seen.topic, seen.partition), [])
            name = f"{seen.group} on {seen.topic}/{seen.partition}"
            sure = max((o for o, _, done, outcome in own if outcome == OK and done <= seen.invoked), default=-1)
            tried = {o for o, invoked, _, _ in own if invoked <= seen.done}
            maybe = {o for o, invoked, _, outcome in own if outcome != OK and invoked <= seen.done}
            if seen.offset in maybe:
                continue
            if seen.offset < sure:
                self.add("offset_lost", f"{name}: offset {sure} was committed, later {seen.offset} was found")
            elif seen.offset > max(tried, default=-1):
                self.add("offset_ahead", f"{name}: offset {seen.offset} was found, the greatest that was to be "
                                         f"committed is {max(tried, default=-1)}")
            elif seen.offset >= 0 and seen.offset not in tried:
                self.add("offset_invented", f"{name}: offset {seen.offset} was found and never committed")

    def last_offsets(self):
        last = {}
        for seen in sorted(self.h.offsets_seen, key=lambda s: s.done):
            last[(seen.group, seen.topic, seen.partition)] = seen.offset
        return last

    def group_coverage(self):
        """What lies before a group's committed offset was read by one of its members."""
        read = collections.defaultdict(set)
        isolation = {}
        for session in self.h.sessions:
            if session.group is not None:
                isolation[session.group] = session.isolation
                for topic, partition, offset, _, _ in session.reads:
                    read[(session.group, topic, partition)].add(offset)
        for (group, topic, partition), committed in self.last_offsets().items():
            if group not in isolation or self.is_stuck((topic, partition)):
                continue
            there = self.at[isolation[group]].get((topic, partition), {})
            missed = sorted(o for o in there if o < committed and o not in read[(group, topic, partition)])
            if missed:
                self.add("group_skipped", f"{group} committed {committed} on {topic}/{partition}; {len(missed)} records "
                                          f"before it were read by no member, the first at {missed[0]}")

    def exactly_once(self):
        """Of each committed input record before the group's offset there is one committed output, of others none."""
        last = self.last_offsets()
        for group, target in self.h.exactly_once.items():
            made = collections.defaultdict(list)
            for record_id, places in self.places[COMMITTED].items():
                write = self.h.writes.get(record_id)
                if write is not None and write.topic == target and write.source is not None:
                    made[write.source[:2]].extend([(write.source[2], record_id)] * len(places))
            if any(self.is_stuck(p) for p in self.at[COMMITTED] if p[0] == target):
                continue
            for (owner, topic, partition), committed in last.items():
                if owner != group or self.is_stuck((topic, partition)):
                    continue
                self.compare(group, (topic, partition), committed, made[(topic, partition)])

    def compare(self, group, place, committed, made):
        counted = collections.Counter(offset for offset, _ in made)
        name = f"{group} on {place[0]}/{place[1]}"
        if twice := sorted(o for o, n in counted.items() if n > 1):
            ids = [i for o, i in made if o == twice[0]]
            self.add("processed_twice", f"{name}: {len(twice)} inputs have several outputs, the first at offset "
                                        f"{twice[0]}: {ids}")
        due = {o for o in self.at[COMMITTED].get(place, {}) if o < committed}
        if left_out := sorted(due - counted.keys()):
            self.add("not_processed", f"{name}: the offset is {committed}, but {len(left_out)} inputs before it have "
                                      f"no output, the first at {left_out[0]}")
        if extra := sorted(counted.keys() - due):
            self.add("offset_behind", f"{name}: the offset is {committed}, but {len(extra)} outputs were made from other "
                                      f"inputs, the first from {extra[0]}")
