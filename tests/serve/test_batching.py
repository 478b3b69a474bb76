"""Joining requests: each gets its own rows, and one that fails fails alone."""

import asyncio
import threading

import numpy as np
import pytest

from autometa.serve import batching
from autometa.serve.batching import Batcher
from autometa.serve.faults import BadRequestError
from autometa.serve.inputs import Rows


class Doubling:
    """Doubles the only column, slowly enough for others to arrive; refuses 13."""

    name = "doubling"
    is_quick = False

    def __init__(self):
        self.go = threading.Event()
        self.sizes = []

    def predict(self, rows):
        self.sizes.append(len(rows))
        assert self.go.wait(5)
        if 13.0 in rows.values[0]:
            raise ValueError("thirteen")
        return rows.values[0] * 2


def rows(*numbers):
    return Rows((np.array(numbers, dtype=float),), len(numbers))


def ask(engine, *requests, first_alone=True):
    """Sends requests at once, the first a moment earlier; gives answers or exceptions."""
    seen = []

    async def main():
        batcher = Batcher(engine, lambda n, r: seen.append((n, r)))
        tasks = []
        for index, numbers in enumerate(requests):
            tasks.append(asyncio.create_task(batcher.predict(rows(*numbers))))
            if index == 0 and first_alone:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0)
        engine.go.set()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        batcher.close()
        return done

    return asyncio.run(main()), seen


def test_requests_that_come_meanwhile_are_one_batch():
    engine = Doubling()
    answers, seen = ask(engine, [1], [2, 3], [], [4])
    assert [answer.tolist() for answer in answers] == [[2], [4, 6], [], [8]]
    assert seen == [(1, 1), (3, 3)]


def test_a_single_request_waits_for_nobody():
    engine = Doubling()
    engine.go.set()
    answers, seen = ask(engine, [1], first_alone=False)
    assert answers[0].tolist() == [2]
    assert seen == [(1, 1)]


def test_a_batch_ends_before_it_is_too_long(monkeypatch):
    monkeypatch.setattr(batching, "MAX_BATCH", 3)
    engine = Doubling()
    answers, _ = ask(engine, [1], [2, 3], [4, 5], [6])
    assert [answer.tolist() for answer in answers] == [[2], [4, 6], [8, 10], [12]]
    assert engine.sizes == [1, 2, 3]


def test_the_neighbours_of_a_failure_get_their_answers():
    answers, _ = ask(Doubling(), [1], [2], [13], [4])
    assert [type(answer) for answer in answers] == [np.ndarray, np.ndarray, ValueError, np.ndarray]
    assert answers[3].tolist() == [8]


def test_beyond_what_may_wait_a_client_is_told_to_come_back(monkeypatch):
    monkeypatch.setattr(batching, "MAX_WAITING", 2)
    answers, _ = ask(Doubling(), [1], [2, 3], [4])
    assert isinstance(answers[2], BadRequestError)
    assert (answers[2].status, answers[2].headers) == (503, {"Retry-After": "1"})
    assert answers[1].tolist() == [4, 6]


def test_a_client_that_left_holds_nobody_up():
    engine = Doubling()

    async def main():
        batcher = Batcher(engine, lambda n, r: None)
        first = asyncio.create_task(batcher.predict(rows(1)))
        await asyncio.sleep(0.05)
        gone = asyncio.create_task(batcher.predict(rows(2)))
        await asyncio.sleep(0)
        last = asyncio.create_task(batcher.predict(rows(3)))
        await asyncio.sleep(0)
        gone.cancel()
        engine.go.set()
        answers = [(await first).tolist(), (await last).tolist()]
        batcher.close()
        return answers

    assert asyncio.run(main()) == [[2], [6]]
    assert engine.sizes == [1, 1]


def test_a_quick_engine_computes_a_few_rows_without_another_thread():
    class Here(Doubling):
        is_quick = True

        def predict(self, rows):
            self.thread = threading.current_thread()
            return rows.values[0]

    engine = Here()
    answers, _ = ask(engine, [5])
    assert answers[0].tolist() == [5]
    assert engine.thread is threading.main_thread()


@pytest.mark.parametrize("n_requests", [1, 7])
def test_thousands_of_rows_come_back_in_order(n_requests):
    engine = Doubling()
    requests = [np.arange(1000.0) + 1000 * i + 100 for i in range(n_requests)]
    answers, _ = ask(engine, *requests)
    np.testing.assert_array_equal(np.concatenate(answers), np.concatenate(requests) * 2)
