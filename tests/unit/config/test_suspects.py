"""Columns that no job may overlook."""

import pytest

from etl.config.job import Job
from etl.config.suspects import overlooked

NAMES = ("id", "Is Public", "type", "_fivetran_deleted", "body", "draft")


def make_job(**tables):
    """Return a job; `columns` are added to those that it needs."""
    columns = {"text": "body", "timestamp": "at", "user": "user", **tables.pop("columns", {})}
    return Job.model_validate(
        {
            "source": "acme",
            "target": {"deployment_id": "d"},
            "columns": columns,
            "roles": {"everyone": "customer"},
            **tables,
        }
    )


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ({}, ("Is Public", "type", "_fivetran_deleted", "draft")),
        (
            {"columns": {"visibility": "Is Public"}, "visibility": {"public": ("true",)}},
            ("_fivetran_deleted", "draft"),
        ),
        ({"rows": {"keep": {"type": ("Comment",)}}}, ("_fivetran_deleted", "draft")),
        ({"rows": {"drop": {"_fivetran_deleted": ("true",)}}}, ("Is Public", "type", "draft")),
        ({"rows": {"empty": ("draft",), "filled": ("type",)}}, ("_fivetran_deleted",)),
        ({"columns": {"variables": {"kind": "type"}}}, ("_fivetran_deleted", "draft")),
    ],
)
def test_what_the_job_uses_or_answers_otherwise_is_not_overlooked(tables, expected):
    """One column that tells notes is enough; deleted rows are another question."""
    assert expected == overlooked(make_job(**tables), NAMES)
