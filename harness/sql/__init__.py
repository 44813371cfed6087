"""The analyst's SQL: text -> Query -> Plan -> DuckDB SQL. Nothing here touches a database."""

from harness.sql.analyse import analyse
from harness.sql.parse import parse
from harness.sql.plan import Buckets, Plan
from harness.sql.query import Query

__all__ = ["Buckets", "Plan", "Query", "analyse", "parse"]
