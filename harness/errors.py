"""What can go wrong, as one tree.

    SnoopBenchError
    ├── UserError               the user's mistake: one sentence, exit status 2
    │   ├── SpecError           a spec that does not follow the grammar
    │   ├── UnknownPlugin       no plug-in of that name or path
    │   ├── ParameterError      an unknown or out-of-range parameter of a plug-in
    │   ├── DatasetError        a data file that cannot be read as it is meant
    │   ├── BenchmarkError      a benchmark that cannot be run as asked (secret, victims, trials …)
    │   ├── StoreError          a results store that cannot be reached, read or written
    │   └── UpdateError         an update of the rows that cannot be made as asked
    ├── QueryRefused            SQL that the interface or a defense does not answer (rule, message)
    ├── PluginError             a plug-in broke its contract
    │   ├── ClaimError          a second, different claim on a cell; a claim on a cell not asked for
    │   └── LedgerError         prior knowledge that the ledger does not hold (the secret, an unknown column)
    └── EngineError             the database failed (its own words never reach an analyst)
        └── DeadlineExceeded    a trial or a query used up its time

Inside the harness these are raised; across the query interface a `QueryRefused` becomes the value
`harness.model.Refused`.
"""


class SnoopBenchError(Exception):
    """Root of every error that SnoopBench raises on purpose."""


class UserError(SnoopBenchError):
    """The user's mistake, told in one sentence."""


class SpecError(UserError):
    """A spec that does not follow the grammar of `harness.specs`."""


class UnknownPlugin(UserError):
    """No plug-in of that name or path."""


class ParameterError(UserError):
    """An unknown or out-of-range parameter of a plug-in."""


class DatasetError(UserError):
    """A data file that cannot be read as it is meant."""


class BenchmarkError(UserError):
    """A benchmark that cannot be run as asked."""


class StoreError(UserError):
    """A results store that cannot be reached, read or written."""


class UpdateError(UserError):
    """An update of the rows that cannot be made as asked."""


class QueryRefused(SnoopBenchError):
    """SQL that is not answered: `rule` names the check, `message` is one sentence for the analyst."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(rule, message)
        self.rule = rule
        self.message = message

    def __str__(self) -> str:
        return f"{self.rule}: {self.message}"


class PluginError(SnoopBenchError):
    """A plug-in broke its contract."""


class ClaimError(PluginError):
    """A second, different claim on a cell, or a claim on a cell that was not asked for."""


class LedgerError(PluginError):
    """Prior knowledge that the ledger does not hold."""


class EngineError(SnoopBenchError):
    """The database failed; the message holds none of its words."""


class DeadlineExceeded(EngineError):
    """A trial or a query used up its time."""


def sentence(error: Exception) -> str:
    """What the user is told of an error, in one sentence."""
    if isinstance(error, UserError):
        return str(error)
    what = str(error) if isinstance(error, SnoopBenchError) else f"{type(error).__name__}: {error}"
    return f"{what} (an error inside SnoopBench; --debug shows where)"
