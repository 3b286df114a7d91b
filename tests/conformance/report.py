"""The table: what was asked of each operation, and how much of it held."""

from collections import Counter, defaultdict

from conformance.operations import IMPOSSIBLE, OPERATIONS


class Tally:
    def __init__(self):
        self.outcomes = defaultdict(Counter)
        self.missing = defaultdict(set)

    def add(self, operation, outcome, reason=""):
        self.outcomes[operation][outcome] += 1
        if outcome == "skipped":
            self.missing[reason.removeprefix("Skipped: not built: ")].add(operation)

    def lines(self):
        width = max(map(len, OPERATIONS))
        yield f"{'operation':{width}}  cases  passed  failed  not built"
        for name in OPERATIONS:
            counts = self.outcomes[name]
            passed, failed, skipped = (counts[outcome] for outcome in ("passed", "failed", "skipped"))
            if not counts:
                yield f"{name:{width}}  not run"
            elif skipped == counts.total():
                yield f"{name:{width}}  {counts.total():5}  not built"
            else:
                yield f"{name:{width}}  {counts.total():5}  {passed:6}  {failed or '':6}  {skipped or ''}".rstrip()
        yield ""
        yield "not built, in the service's words:" if self.missing else "nothing is missing"
        for reason, operations in self.missing.items():
            yield f"  {reason} ({', '.join(sorted(operations))})"
        yield ""
        yield "declared by the model and not to be provoked:"
        for (name, exception), reason in IMPOSSIBLE.items():
            yield f"  {name} {exception}: {reason}"
        yield ""
        yield self.total()

    def total(self):
        whole, partly = 0, 0
        for name in OPERATIONS:
            counts = self.outcomes[name]
            if counts["passed"] and not counts["failed"]:
                whole += 1
                partly += counts["skipped"] > 0
        rider = f", {partly} of them without members that are not built" if partly else ""
        cases = sum(counts["passed"] for counts in self.outcomes.values())
        return f"{whole} of {len(OPERATIONS)} operations{rider}; {cases} cases passed"
