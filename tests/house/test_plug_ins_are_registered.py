"""Every report, route, command and event is listed; an unlisted one would silently do nothing."""

import inspect
from importlib import import_module
from pkgutil import iter_modules

import click
from litestar.handlers import HTTPRouteHandler

import api.commands
import api.routes
import projections
from api.pages import PAGES
from infrastructure import payments, sources
from projections.projection import Projection

SHARED_BY_COMMANDS = {
    *("addresses", "api_client", "case_ids", "demo_welcome", "error_text", "expected_errors"),
    *("loss_report", "options", "output", "source_files", "current_reports", "missing_columns"),
}


def modules_of(package):
    return [import_module(f"{package.__name__}.{m.name}") for m in iter_modules(package.__path__)]


def members(package, kind):
    return {
        id(value): f"{module.__name__}.{name}"
        for module in modules_of(package)
        for name, value in vars(module).items()
        if isinstance(value, kind)
    }


def test_every_report_is_listed():
    listed = {id(projection) for projection in projections.PROJECTIONS}
    assert [
        name for key, name in members(projections, Projection).items() if key not in listed
    ] == []


def test_every_route_is_served():
    listed = {id(h) for h in (*api.routes.VERSIONED, *api.routes.UNVERSIONED, *PAGES)}
    found = members(api.routes, HTTPRouteHandler)
    assert found
    assert [name for key, name in found.items() if key not in listed] == []


def test_every_command_file_has_a_listed_command():
    group = api.commands.Commands()
    context = click.Context(group)
    listed = {id(group.get_command(context, name)) for name in group.list_commands(context)}
    files = {module.__name__.rpartition(".")[2]: module for module in modules_of(api.commands)}
    assert set(files) >= SHARED_BY_COMMANDS
    for name, module in files.items():
        own = {id(v) for v in vars(module).values() if isinstance(v, click.Command)}
        assert bool(own & listed) is (name not in SHARED_BY_COMMANDS), (
            f"{module.__name__} has no command in COMMANDS"
        )


def test_no_source_imports_another():
    names = {m.name for m in iter_modules(sources.__path__)}
    for module in modules_of(sources):
        text = inspect.getsource(module)
        others = names - {module.__name__.rpartition(".")[2]}
        assert not [n for n in others if f"infrastructure.sources.{n}" in text], module.__name__


def test_every_payment_provider_can_be_configured():
    methods = {"refund", "find", "statement"}
    adapters = {
        value: module.__name__.rpartition(".")[2]
        for module in modules_of(payments)
        for value in vars(module).values()
        if inspect.isclass(value) and methods <= set(dir(value))
    }
    assert len(adapters) >= 2
    assert {kind.name for kind in adapters} == set(adapters.values()) == set(payments.PROVIDERS)


def test_no_payment_provider_imports_another():
    names = set(payments.PROVIDERS)
    for name in names:
        text = inspect.getsource(import_module(f"infrastructure.payments.{name}"))
        assert not [n for n in names - {name} if f"infrastructure.payments.{n} " in text], name
