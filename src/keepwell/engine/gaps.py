"""What Spark can't give an equal answer to, each with its reason and what to write instead."""

from keepwell.core.errors import KeepwellError

# What gives another answer on Spark, or none: name -> why, and what to write instead.
GAPS = {
    "arg_max": "among equals it takes any row; write row_number() over (… order by …) in a step and keep number 1",
    "arg_min": "among equals it takes any row; write row_number() over (… order by …) in a step and keep number 1",
    "asof join": "Spark has none; join on the key and keep row_number() = 1, or the interval found with lead()",
    "avg": "its last digit hangs on the engine; write sum(…) / count(…)",
    "cast DOUBLE to DECIMAL with more than 18 digits": "a DOUBLE has no more than 17; cast to DECIMAL(18, s) first",
    "cast to VARCHAR of DOUBLE": "each engine writes floating numbers in its own way; cast to DECIMAL(p, s) first",
    "cast to VARCHAR of TIMESTAMP": "each engine writes instants in its own way; write cast(cast(t as DATE) as VARCHAR) or epoch_us(t)",
    "count(distinct …) over": "Spark has none; count in a step of its own and join",
    "datediff": "only day, month, quarter and year count the same; for weeks write datediff('day', …) // 7, below a day epoch_us(…)",
    "element_at": "DuckDB gives a list of one; write column['key']",
    "hash": "each engine has its own; write md5(…)",
    "median": "Spark's is approximate or takes another path between two values; rank in SQL, or map_batches",
    "mode": "among equals it takes any value; count, then row_number() with the value as the last word of the order",
    "quantile_cont": "Spark's is approximate or takes another path between two values; rank in SQL, or map_batches",
    "quantile_disc": "Spark's is approximate or takes another path between two values; rank in SQL, or map_batches",
    "round of DOUBLE": "half a cent falls on another side; cast to DECIMAL(18, s) first",
    "stddev": "its last digit hangs on the order of the rows; sum the squares as DECIMAL",
    "strftime": "the patterns differ; take year(d), month(d), day(d)",
    "sum of DOUBLE": "it hangs on the order of the rows; cast to DECIMAL first",
    "time between instants": "an interval has no one length; write epoch_us(a) - epoch_us(b)",
    "// of DECIMAL": "DuckDB does not cut it to a whole number; cast both sides to BIGINT",
}
UNTRIED = "it has not been tried there; a line in keepwell.engine.rewrites and an example in its test make it so"


class UnsupportedOnSparkError(KeepwellError):
    """SQL for which Spark has no equal: ``name`` is what, as in :data:`GAPS`."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} can't run on Spark: {reason}.", 'Write it so, or leave engine = "duckdb".')
        self.name = name


def gap(name: str) -> UnsupportedOnSparkError:
    """The error for a declared gap."""
    return UnsupportedOnSparkError(name, GAPS[name])
