"""The faults that `scripts/planted-faults` plants, and for each the tests that must catch it."""

from typing import NamedTuple


class Fault(NamedTuple):
    """What is broken: in a file, a text that is there once becomes another; `tests` below tests/, between spaces."""

    name: str
    tests: str
    changes: tuple[tuple[str, str, str], ...]


FAULTS = [
    # The log
    Fault(
        "commit without a sync",
        "test_event_log.py",
        (
            ("service/log/sqlite/connection.py", '"PRAGMA synchronous = FULL"', '"PRAGMA synchronous = NORMAL"'),
            ("service/log/sqlite/connection.py", "FULL = 2", "FULL = 1"),
        ),
    ),
    Fault(
        "view fed before the commit",
        "test_writer.py",
        (
            (
                "service/writer.py",
                "        return Append(events, contents, [",
                "        for place, new in enumerate(events, self._log.head.position + 1):\n"
                "            self._show(Recorded(place, new.run_id, new.version, new.at, new.event, b''))\n"
                "        return Append(events, contents, [",
            ),
        ),
    ),
    Fault(
        "answer before the commit",
        "test_writer.py",
        (
            (
                "service/writer.py",
                "        return Append(events, contents, [",
                "        for pending in accepted:\n            tell(pending.answer)\n"
                "        return Append(events, contents, [",
            ),
        ),
    ),
    Fault(
        "a failed commit is not looked up",
        "test_writer.py",
        (("service/writer.py", "            await self._log.reopen()\n", "            return True\n"),),
    ),
    Fault(
        "a fault ends writing for good",
        "test_writer.py",
        (
            (
                "service/writer.py",
                "                self._writable.set()\n                for run_id",
                "                for run_id",
            ),
        ),
    ),
    Fault(
        "a run that was found is left alone",
        "test_starting.py",
        (("service/writer.py", "                    self.on_found(run_id)\n", "                    pass\n"),),
    ),
    Fault(
        "a rollback is forgotten",
        "test_event_log.py test_writer.py",
        (("service/log/sqlite/event_log.py", 'connection.execute("ROLLBACK")', "pass"),),
    ),
    Fault(
        "a version may be written twice",
        "test_event_log.py",
        (
            ("service/log/sqlite/schema.sql", "    UNIQUE (run_id, version)\n", "    CHECK (version > 0)\n"),
            (
                "service/log/sqlite/schema.sql",
                "\n  OR EXISTS (SELECT 1 FROM events WHERE run_id = NEW.run_id AND version = NEW.version)",
                "",
            ),
        ),
    ),
    Fault(
        "INSERT OR REPLACE gets through",
        "test_event_log.py",
        (
            (
                "service/log/sqlite/schema.sql",
                "CREATE TRIGGER events_no_replace BEFORE INSERT ON events\nWHEN EXISTS",
                "CREATE TRIGGER events_no_replace BEFORE INSERT ON events\nWHEN 0 AND EXISTS",
            ),
            (
                "service/log/sqlite/schema.sql",
                "  OR EXISTS (SELECT 1 FROM events",
                "  AND EXISTS (SELECT 1 FROM events",
            ),
        ),
    ),
    Fault(
        "a hash that leaves out the run",
        "test_chain.py",
        (("domain/chain.py", "_lp(run_id) + _lp(name)", "_lp(name)"),),
    ),
    Fault(
        "a hash that leaves out the place",
        "test_chain.py",
        (("domain/chain.py", 'pack(">Q", position) + leaf_hash', "leaf_hash"),),
    ),
    Fault(
        "two processes write one log",
        "test_holder.py",
        (
            (
                "service/log/sqlite/holder.py",
                "    except OSError:\n        return False\n",
                "    except OSError:\n        return True\n",
            ),
        ),
    ),
    # Runs
    Fault(
        "resume asks an example again",
        "test_resume.py",
        (
            (
                "service/execution/jobs.py",
                "bytes(run.recorded[key])",
                "bytes(run.recorded[key]).replace(b'\\x01', b'\\x00', 1)",
            ),
        ),
    ),
    Fault(
        "resume forgets an example",
        "test_resume.py",
        (
            (
                "service/execution/rows.py",
                "if not self._before.recorded[place]:",
                "if not self._before.recorded[place] and row:",
            ),
            ("domain/run.py", "(run.completed == run.total or", "(run.completed >= run.total - 1 or"),
            ("domain/run.py", '        raise WrongVersion("examples are missing")\n', "        pass\n"),
        ),
    ),
    Fault(
        "an answer is asked for again",
        "test_answered.py",
        (("service/execution/scoring.py", "recorded = asked.answered > 0", "recorded = False"),),
    ),
    Fault(
        "an example is recorded twice",
        "test_run.py",
        (
            (
                "domain/run.py",
                "return [] if run.recorded[scored.suite, scored.harness][run.place(scored)] else [scored]",
                "return [scored]",
            ),
        ),
    ),
    Fault(
        "a crash loop goes on for ever",
        "test_resume.py test_run.py",
        (("domain/run.py", "return crashed and run.crashes + 1 >= MAX_CRASHES", "return False"),),
    ),
    Fault(
        "a call after the stop",
        "test_sigterm.py",
        (
            ("service/execution/permits.py", "if self._stopping.is_set():", "if False:"),
            ("service/execution/runner.py", "while not leaving.is_set() and (", "while ("),
        ),
    ),
    Fault(
        "a call before all is pinned",
        "test_pinning.py",
        (("domain/run.py", "all(harness.manifest is not None for", "any(harness.manifest is not None for"),),
    ),
    Fault(
        "the first run takes all calls",
        "test_slots.py",
        (
            (
                "service/execution/slots.py",
                "min(self._waiting, key=self._in_flight.__getitem__)",
                "next(iter(self._waiting))",
            ),
        ),
    ),
    # What proves that the log was not altered
    Fault(
        "verify skips a column",
        "test_verify.py",
        (("domain/audit.py", "return chain.leaf(version, run_id, name, at, body)", 'return row[6] if at else b""'),),
    ),
    Fault(
        "verify believes the hashes it reads",
        "test_verify.py",
        (("domain/audit.py", "linked = chain.link(self.head.hash, expected, own) if own else None", "linked = link"),),
    ),
    Fault(
        "verify does not miss contents",
        "test_verify.py",
        (
            (
                "service/log/verifying.py",
                "        if found is None:\n            self._breaks",
                "        if False:\n            self._breaks",
            ),
        ),
    ),
    Fault(
        "a cut log is gone on with",
        "test_checkpointing.py",
        (("service/log/event_log.py", "if self.void and note and not accepting:", "if False:"),),
    ),
    Fault(
        "a checkpoint says more than is synced",
        "test_checkpointing.py",
        (
            (
                "service/log/sqlite/event_log.py",
                "        try:\n"
                "            recorded = await self._on_writing_thread(_insert, self.head, events, contents)\n",
                "        for new in events:\n"
                "            ahead = Checkpoint(self.log_id, self.head.position + len(events), chain.START, new.at)\n"
                "            self._checkpoints.grow(ahead, at_once=True)\n"
                "        try:\n"
                "            recorded = await self._on_writing_thread(_insert, self.head, events, contents)\n",
            ),
        ),
    ),
    Fault(
        "a forged signature passes",
        "test_checkpoint.py test_verify.py",
        (
            (
                "service/log/signing.py",
                "        except InvalidSignature:\n            return False\n",
                "        except InvalidSignature:\n            return True\n",
            ),
        ),
    ),
    Fault(
        "an export without what others did in between",
        "test_export.py",
        (("service/log/exporting.py", "            self._leaves.append(stored.leaf.hex())\n", ""),),
    ),
    Fault(
        "a regrade asks the model",
        "test_regrade.py",
        (("service/execution/jobs.py", "source = old.outputs(key) if old else", "source ="),),
    ),
    Fault(
        "the past shows an event too many",
        "test_past_results.py",
        (
            (
                "service/past.py",
                "partial(_take, views, run), run.version, version)",
                "partial(_take, views, run), run.version, version + 1)",
            ),
        ),
    ),
    # The verdict
    Fault(
        "a threshold is missed by rounding",
        "test_verdict.py test_statistics.py",
        (("domain/statistics.py", "TOLERANCE = 1e-9", "TOLERANCE = 0.0"),),
    ),
    Fault(
        "one failing row is outvoted",
        "test_verdict.py",
        (("domain/verdict.py", "if all(row.passed for row in rows):", "if any(row.passed for row in rows):"),),
    ),
    # What comes from outside
    Fault(
        "two requests with a key at once",
        "test_idempotency.py",
        (("service/execution/idempotency.py", "self._turns.setdefault(key, asyncio.Lock())", "asyncio.Lock()"),),
    ),
    Fault(
        "a key is looked up too early only",
        "test_idempotency.py",
        (
            (
                "service/execution/starting.py",
                "            self._keys.check(started.idempotency_key, started.request_digest)\n",
                "",
            ),
        ),
    ),
    Fault(
        "a route without the key",
        "test_guard.py",
        (
            (
                "service/api/guard.py",
                'OPEN_PATHS = frozenset({"/health", "/ready"})',
                'OPEN_PATHS = frozenset({"/health", "/ready", "/suites"})',
            ),
        ),
    ),
    Fault(
        "a key that begins rightly is enough",
        "test_guard.py",
        (
            (
                "service/api/guard.py",
                'hmac.compare_digest(_fingerprint(token.strip(b" ")), self._key)',
                "len(token) > 3",
            ),
        ),
    ),
    Fault(
        "other web sites may ask",
        "test_guard.py",
        (
            (
                "service/api/guard.py",
                "foreign = any(origin.lower() not in own for origin in origins) or any(",
                "foreign = any(",
            ),
        ),
    ),
    Fault(
        "any host name is ours",
        "test_guard.py",
        (("service/api/guard.py", "if _without_port(host) not in names:", "if not host:"),),
    ),
    Fault(
        "a body without end is read whole",
        "test_hostile_requests.py test_bad_requests.py",
        (("service/api/guard.py", "        if size > BODY_BYTES:\n            return None\n", ""),),
    ),
    Fault(
        "a config outside the root",
        "test_requested_config.py",
        (("service/files/finding.py", "path.is_relative_to(root.resolve(strict=True)) and", ""),),
    ),
    Fault(
        "a secret is recorded",
        "test_recorded_secrets.py",
        (
            (
                "service/execution/grading.py",
                "output, replaced = secrets.replace(answer.reply.output)",
                "output, replaced = answer.reply.output, ()",
            ),
        ),
    ),
    Fault(
        "a reply without end is taken",
        "test_http_model.py test_hostile_models.py",
        (
            (
                "service/models/connection.py",
                "        if self._taken > self._limit:\n            self._keeps",
                "        if False:\n            self._keeps",
            ),
        ),
    ),
    Fault(
        "an input that writes the request",
        "test_template.py",
        (
            (
                "domain/template.py",
                "return _encode(text)[1:-1].join(self._segments)",
                "return text.encode().join(self._segments)",
            ),
        ),
    ),
    Fault(
        "a cloud's credentials are asked for",
        "test_forbidden_addresses.py",
        (
            (
                "service/models/forbidden.py",
                "return [one for one in addresses if not is_forbidden(str(one[4][0]))]",
                "return addresses",
            ),
        ),
    ),
    Fault(
        "a slow client stays",
        "test_slow_clients.py",
        (("service/api/connection.py", "        if now - self._since <= seconds:\n", "        if seconds:\n"),),
    ),
]
