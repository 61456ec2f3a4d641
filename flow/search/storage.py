"""Where the trials of a search are kept: a database or a journal, named by its URL."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jets.errors import InputError, ToolNotFound
from jets.files import claim_folder

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

SQLITE = "study.db"
SECONDS = 10
PACKAGES = {"psycopg": "'psycopg[binary]'", "psycopg2": "psycopg2-binary", "rediss": "redis"}
KNOWN = "sqlite:///FILE, postgresql://USER@HOST/NAME, redis://HOST:PORT or journal:///FILE"


def open_storage(url: str | None, folder: Path) -> BaseStorage:
    """The storage of a URL; without one the SQLite file of a folder of ours.

    `journal:///FILE` is a file that many machines may append to (NFS), `redis://` a journal in Redis; everything else
    is a database of SQLAlchemy.

    Raises:
        InputError: no such kind of storage, or it cannot be reached.
        ToolNotFound: the package that speaks to it is not installed.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    address = url or f"sqlite:///{claim_folder(folder).resolve() / SQLITE}"
    openers: dict[str, Callable[[str], BaseStorage]] = {"journal": _journal_file, "redis": _redis, "rediss": _redis}
    scheme = urlsplit(address).scheme
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return openers.get(scheme, _database)(address)
    except ImportError as error:
        missing = getattr(error.__cause__ or error, "name", None) or scheme
        remedy = f"pip install {PACKAGES.get(missing, missing)}"
        raise ToolNotFound(f"the driver {missing!r} is not installed", shown(address), remedy) from None


def shown(url: str) -> str:
    """A URL without its password."""
    parts = urlsplit(url)
    return url if parts.password is None else url.replace(f":{parts.password}@", ":***@", 1)


def _database(url: str) -> BaseStorage:
    from optuna.exceptions import StorageInternalError
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

    options = {"sqlite": {"timeout": SECONDS}, "postgresql": {"connect_timeout": SECONDS}}
    arguments = options.get(urlsplit(url).scheme.partition("+")[0], {})
    try:
        return RDBStorage(url, engine_kwargs={"connect_args": arguments, "pool_pre_ping": True})
    except (ArgumentError, NoSuchModuleError):
        raise InputError("is no storage of trials", shown(url), f"use {KNOWN}") from None
    except (SQLAlchemyError, StorageInternalError, RuntimeError) as error:
        raise _unreachable(url, getattr(error, "orig", None) or error) from None


def _redis(url: str) -> BaseStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalRedisBackend

    backend = JournalRedisBackend(url, prefix="tagware")
    from redis.exceptions import RedisError

    try:
        return JournalStorage(backend)
    except RedisError as error:
        raise _unreachable(url, error) from None


def _journal_file(url: str) -> BaseStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    path = Path(urlsplit(url).path)
    try:
        return JournalStorage(JournalFileBackend(str(path)))
    except (OSError, ValueError) as error:
        raise _unreachable(url, error) from None


def _unreachable(url: str, error: BaseException) -> InputError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return InputError(f"the storage of the trials cannot be reached ({reason})", shown(url), f"correct it: {KNOWN}")
