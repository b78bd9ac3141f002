"""The torture database on every version: the tests of integration/test_torture.py, whose servers come from here."""
import pytest
from test_torture import (  # noqa: F401
    Tortured,
    test_content_of_every_table,
    test_database_properties,
    test_database_with_a_foreign_name,
    test_it_was_written_meanwhile,
    test_item,
    test_large_objects,
    test_names_without_encoding,
    test_other_database,
    test_pg_restore_does_not_do_better,
    test_restored,
    test_schema_text,
    test_second_round_trip,
    test_sequences,
    test_while_writers_write,
    test_without_owners_and_grants,
    test_without_superuser,
)


@pytest.fixture(scope="module", params=[15, 17, 18])
def server(servers, request):
    return servers(request.param)


@pytest.fixture(scope="module")
def tortured(server, tmp_path_factory):
    return Tortured(server, tmp_path_factory.mktemp("torture"))
