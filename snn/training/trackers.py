"""Weights & Biases, MLflow and other loggers of Lightning: they receive what TensorBoard receives.

Each logger takes figures in a way of its own; :func:`send_figure` knows it. The two classes add to
Lightning's what it cannot know: where a run lies, whether it goes on, and of which sweep it is a
point.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytorch_lightning.loggers import (
    CSVLogger,
    Logger,
    MLFlowLogger,
    TensorBoardLogger,
    WandbLogger,
)
from pytorch_lightning.utilities import rank_zero_only

from snn.errors import SnnError
from snn.training.loggers import EpochTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DIRECTORY, SWEEP = "snn.directory", "sweep"  # tags of MLflow


class Wandb(WandbLogger):
    """Lightning's logger for Weights & Biases; its files lie in the run's directory.

    Args:
        save_dir: the run's directory.
        resume: go on with what was logged from there.
        sweep: name of the sweep of which the run is a point; groups runs.
        project: of Weights & Biases.
        entity: user or team; None: the one that is logged in.
        group: another one than the sweep's.
        name: another one than the run's directory.
        tags: to find the run by.
        notes: on the run.
        offline: keep everything here, for ``wandb sync``; ``WANDB_MODE=offline`` does the same.

    Raises:
        SnnError: nobody is logged in, and it is not offline.
    """

    def __init__(
        self,
        save_dir: str | Path,
        resume: bool = False,
        sweep: str | None = None,
        project: str = "snn",
        entity: str | None = None,
        group: str | None = None,
        name: str | None = None,
        tags: list[str] | None = None,
        notes: str | None = None,
        offline: bool = False,
    ) -> None:
        self.check({"offline": offline})
        super().__init__(
            name=name or Path(save_dir).name,
            save_dir=save_dir,
            id=self._earlier(Path(save_dir)) if resume else None,
            project=project,
            entity=entity,
            group=group or sweep,
            tags=tags,
            notes=notes,
            **({"mode": "offline"} if offline else {}),
        )
        self._wandb_init.pop("anonymous", None)  # its newer versions warn of it, whatever it is

    @staticmethod
    def check(options: dict[str, Any]) -> None:
        """Refuse what could not log anything.

        Raises:
            SnnError: the package is missing, or nobody is logged in.
        """
        try:
            import wandb
        except ImportError:
            raise _not_installed("wandb") from None
        online = os.environ.get("WANDB_MODE", "online") in ("online", "run", "shared")
        if options.get("offline") or not online:
            return
        try:
            logged_in = wandb.login(prompt=False)
        except TypeError:  # versions that ask
            logged_in = bool(os.environ.get("WANDB_API_KEY") or wandb.api.api_key)
        if not logged_in:
            raise SnnError(
                "logger.wandb: nobody is logged in: run `wandb login`, or set "
                "logger.wandb.offline=true"
            )

    @staticmethod
    def _earlier(directory: Path) -> str | None:
        """What the run in a directory was called by Weights & Biases."""
        found = directory.glob("wandb/*run-*-*")
        names = sorted(path.name.partition("run-")[2] for path in found)
        return names[-1].rpartition("-")[2] if names else None


class Mlflow(MLFlowLogger):
    """Lightning's logger for MLflow; without a server it writes one database for all runs.

    Args:
        save_dir: the run's directory.
        resume: go on with what was logged from there.
        sweep: name of the sweep of which the run is a point, a tag to group by.
        experiment_name: of MLflow.
        run_name: another one than the run's directory.
        tracking_uri: of a server; None: ``$MLFLOW_TRACKING_URI``, else ``file``.
        file: database on this machine, relative to the working directory.
        tags: to find the run by.

    Raises:
        SnnError: the package is missing.
    """

    def __init__(
        self,
        save_dir: str | Path,
        resume: bool = False,
        sweep: str | None = None,
        experiment_name: str = "snn",
        run_name: str | None = None,
        tracking_uri: str | None = None,
        file: str = "outputs/mlflow.db",
        tags: dict[str, str] | None = None,
    ) -> None:
        self.check({"tracking_uri": tracking_uri})
        place = str(Path(save_dir).resolve())
        artifacts = None
        uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
        if not uri:
            database = Path(file).resolve()
            database.parent.mkdir(parents=True, exist_ok=True)
            uri = f"sqlite:///{database}"
            artifacts = database.with_name(f"{database.stem}_artifacts").as_uri()
        super().__init__(
            experiment_name=experiment_name,
            run_name=run_name or Path(save_dir).name,
            tracking_uri=uri,
            tags={DIRECTORY: place} | ({SWEEP: sweep} if sweep else {}) | (tags or {}),
            artifact_location=artifacts,
        )
        if resume:
            self._run_id = self._earlier(place)

    @staticmethod
    def check(options: dict[str, Any]) -> None:
        """Refuse what could not log anything.

        Raises:
            SnnError: the package is missing.
        """
        remote = options.get("tracking_uri") or os.environ.get("MLFLOW_TRACKING_URI")
        needed = ("mlflow",) if remote else ("mlflow", "sqlalchemy", "alembic")
        try:
            for name in needed:
                importlib.import_module(name)
        except ImportError:
            raise _not_installed("mlflow") from None

    def _earlier(self, place: str) -> str | None:
        """Which of MLflow's runs was logged last from a directory."""
        experiment = self._mlflow_client.get_experiment_by_name(self._experiment_name)
        if experiment is None:
            return None
        quoted = place.replace("\\", "\\\\").replace("'", r"\'")
        found = self._mlflow_client.search_runs(
            [experiment.experiment_id],
            filter_string=f"tags.`{DIRECTORY}` = '{quoted}'",
            order_by=["attributes.start_time DESC"],
            max_results=1,
        )
        if not found:
            return None
        run_id = found[0].info.run_id
        self._mlflow_client.update_run(run_id, status="RUNNING")
        return run_id

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace) -> None:
        # MLflow takes each but once, and a run that goes on has them.
        known = self.experiment.get_run(self.run_id).data.params
        given = vars(params) if isinstance(params, Namespace) else params
        super().log_hyperparams({k: v for k, v in given.items() if k not in known})


def _not_installed(name: str) -> SnnError:
    return SnnError(f"logger.{name}: {name} is not installed: pip install 'snn[{name}]'")


def compares_runs(logger: Logger) -> bool:
    """Whether a logger shows runs beside each other, and is to know what they were made with."""
    return not isinstance(logger, EpochTable | CSVLogger)


def takes_figures(logger: Logger) -> bool:
    """Whether :func:`send_figure` knows how to give a logger a figure."""
    return _way(logger) is not None


def send_figure(logger: Logger, name: str, figure: Figure, step: int) -> None:
    """Give a figure to a logger that takes figures.

    Args:
        logger: any of Lightning's.
        name: under which it is shown.
        figure: of matplotlib.
        step: the epoch.
    """
    way = _way(logger)
    if way is not None:
        way(name, figure, step)


def _way(logger: Logger) -> Callable[[str, Any, int], Any] | None:
    if isinstance(logger, TensorBoardLogger):
        return lambda name, figure, step: logger.experiment.add_figure(name, figure, step)
    if isinstance(logger, MLFlowLogger):
        return lambda name, figure, step: logger.experiment.log_figure(
            logger.run_id, figure, f"{name}/{step:05d}.png"
        )
    if hasattr(logger, "log_image"):  # as Weights & Biases' has it
        return lambda name, figure, step: logger.log_image(name, [_image(figure)], step)
    return None


def _image(figure: Figure) -> Any:
    from PIL import Image

    content = io.BytesIO()
    figure.savefig(content, format="png")
    content.seek(0)
    return Image.open(content)


@contextlib.contextmanager
def closed(loggers: Iterable[Logger]) -> Iterator[None]:
    """End what loggers keep open beyond a fit, and say whether the run failed.

    Lightning ends a logger after each fit and test; a second run in the same process would go on
    with Weights & Biases' first.
    """
    try:
        yield
    except BaseException:
        for logger in loggers:
            with contextlib.suppress(Exception):  # the first error is the one to hear of
                _close(logger, failed=True)
        raise
    for logger in loggers:
        _close(logger, failed=False)


def _close(logger: Logger, failed: bool) -> None:
    if isinstance(logger, WandbLogger) and logger._experiment is not None:
        logger.experiment.finish(exit_code=int(failed))
    elif isinstance(logger, MLFlowLogger) and logger._initialized:
        logger.finalize("failed" if failed else "success")
