"""Profiles: every parameter of a run, with one checked schema.

A profile is a YAML file below ``profiles/``. Its top-level keys are the papermill parameters of the notebooks, its
sections the arrows of the data flow (corpus, images, selection, split, balancing, training, evaluation). What a profile
or a notebook leaves out has the value of the profile ``quick``, which is this module's defaults.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from aulib import facs
from aulib.errors import SettingsError

#: The profiles that come with the project, from the quickest to the slowest.
NAMES = ("tiny", "quick", "classroom", "paper")


#: Settings of readers that hold unless a profile gives others. BP4D's files code 34 action units. If every frame counts
#: as coded, the paper's 69.07 % of missing labels cannot come out with all of them; with the 12 of BP4D's benchmark it
#: does: consistent, not proved.
READERS: dict[str, dict[str, Any]] = {"bp4d": {"aus": "benchmark"}}


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Corpus(_Section):
    """The synthetic corpus. Not used for a dataset that has a folder of its own."""

    scale: float = Field(1.0, gt=0, le=200, description="1 gives about 6,500 images")
    size: int = Field(96, ge=32, le=512, description="edge of the rendered images, pixels")
    seed: int = Field(0, ge=0, description="seed of the people and their faces")


class Images(_Section):
    """The image store."""

    crop: Literal["whole", "landmarks", "detector", "auto"] = Field(
        "whole",
        description="whole image; face by the dataset's landmarks; by a detector; auto: the best that can be had",
    )
    margin: float = Field(0.0, ge=0, le=2, description="added to the side of the face's square, as a share of it")
    max_failed: float = Field(0.02, ge=0, lt=1, description="accepted share of images that cannot be used")


class Selection(_Section):
    """Which action units are trained on, and hence which rows have any known label."""

    min_occurrences: int = Field(300, ge=1, description="an AU needs this many displayed labels")
    aus: tuple[str, ...] | None = Field(facs.PAPER_13, description="only these AUs; null: every AU above the threshold")

    @field_validator("aus")
    @classmethod
    def _known_aus(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        unknown = [au for au in value or () if au not in facs.ALL]
        if unknown:
            raise ValueError(
                f"unknown action units {', '.join(unknown)}; accepted are AU01 to AU56 as in aulib.facs.ALL"
            )
        return value


class Split(_Section):
    """Shares of the people (not of the images), by dataset."""

    test_size: float = Field(0.25, gt=0, lt=1)
    validation_size: float = Field(
        0.15, gt=0, lt=1, description="share of the training people held back to select the model"
    )
    test_dataset: str | None = Field(
        None, description="test on all people of this dataset and train on the others; null: people of every dataset"
    )

    @field_validator("test_dataset")
    @classmethod
    def _known_dataset(cls, value: str | None) -> str | None:
        _check_datasets([] if value is None else [value])
        return value


def _two_multiples(value: Any) -> Any:
    if not isinstance(value, list | tuple) or len(value) != 2 or not all(isinstance(v, int | float) for v in value):
        raise ValueError("give two numbers, the smallest and the largest multiple, as [0.8, 1.25]")
    if not 0 <= value[0] <= value[1] or value[1] == 0:
        raise ValueError("give two rising numbers from 0, the second above 0")
    return value


class Balancing(_Section):
    """Limits of the balancing optimizer."""

    use: bool = True
    lower: float = Field(0.5, ge=0, description="a unique class group keeps at least this share of its rows")
    upper: float = Field(3.0, ge=1, description="and grows to at most this multiple")
    size: tuple[float, float] = Field((0.8, 1.2), description="size of the balanced list, as multiples of the original")
    dataset_size: tuple[float, float] | dict[str, tuple[float, float]] | None = Field(
        None, description="size of each dataset, as multiples, for all or by name (bp4d: [0.8, 1.2]); null: no limit"
    )
    subject_size: tuple[float, float] | None = Field(
        None, description="size of each person's rows, as multiples; null: no limit"
    )
    coverage: float | None = Field(
        None, ge=0, le=1, description="least share of known rows of each label, as a multiple of before; null: no limit"
    )

    @field_validator("dataset_size", "subject_size", mode="before")
    @classmethod
    def _rising(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, dict) and info.field_name == "dataset_size":
            _check_datasets(value)
            return {name: _two_multiples(pair) for name, pair in value.items()}
        return None if value is None else _two_multiples(value)

    @model_validator(mode="after")
    def _ordered(self) -> Balancing:
        if self.lower > self.upper or self.size[0] > self.size[1] or self.size[0] <= 0:
            raise ValueError("lower must not exceed upper, and size must be a pair of rising positive numbers")
        return self


class Augment(_Section):
    """Largest random changes of the training images; see `aulib.training.Augmentation`."""

    rotation: float = Field(10.0, ge=0, lt=180, description="degrees")
    translation: float = Field(0.05, ge=0, lt=1, description="share of the image's edge")
    zoom: float = Field(0.1, ge=0, lt=1)
    brightness: float = Field(0.1, ge=0, lt=1, description="share of 255")
    contrast: float = Field(0.2, ge=0, lt=1)


class Training(_Section):
    """The two-stage recipe."""

    image_size: int = Field(96, ge=32, le=512, description="edge of the network's input, pixels")
    weights: str | None = Field("hed", description="imagenet, hed, null (random) or the path of a weights file")
    pixels: Literal["unit", "caffe"] = Field("caffe", description="[0, 1], or BGR minus the ImageNet mean")
    hidden: tuple[int, ...] = (256, 256)
    dropout: float = Field(0.5, ge=0, lt=1)
    loss: Literal[
        "masked_f1",
        "count_corrected_f1",
        "masked_double_f1",
        "masked_binary_crossentropy",
        "partial_binary_crossentropy",
        "masked_asymmetric",
        "missing_as_negative_crossentropy",
    ] = Field("masked_f1", description="a name from aulib.losses.names; masked_f1 is the paper's")
    learning_rate: float = Field(3e-4, gt=0, le=1)
    batch_size: int = Field(128, ge=1)
    epochs: tuple[int, int] = Field((20, 10), description="epochs of stage 1 and of stage 2")
    threshold: float = Field(0.5, gt=0, lt=1, description="probability from which an AU counts as displayed")
    standardise: bool = Field(True, description="standardise the last block's features before the dense layers")
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    cache: Literal["auto", "both", "stage1", "none"] = Field(
        "auto", description="stages that start from cached features; auto: both, or none with augmentation"
    )
    cache_dtype: Literal["float16", "bfloat16", "float32"] = Field("float16", description="how features are stored")
    augment: Augment | None = Field(None, description="random changes of the images; {} for the small default ones")
    devices: int | None = Field(None, ge=1, description="devices that share each batch (JAX only); null: all there are")

    @model_validator(mode="after")
    def _no_cache_of_changed_images(self) -> Training:
        if self.augment is not None and self.cache not in ("auto", "none"):
            raise ValueError(f"augment changes the images in every epoch; cache '{self.cache}' cannot keep features")
        return self

    @field_validator("epochs")
    @classmethod
    def _positive(cls, value: tuple[int, int]) -> tuple[int, int]:
        if value[0] < 1 or value[1] < 0:
            raise ValueError("stage 1 needs at least one epoch; stage 2 may have none")
        return value


class Evaluation(_Section):
    """How sure the results are."""

    bootstrap: int = Field(500, ge=20, description="resamples of people for the 95 % intervals")


class Settings(_Section):
    """All parameters of a run: the schema of a profile."""

    profile: str = "quick"
    seed: int = Field(0, ge=0, description="seed of the split, the balancing and the training")
    datasets: dict[str, str] = Field(
        default_factory=dict, description="dataset name -> folder; empty: the synthetic corpus"
    )
    readers: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        validate_default=True,
        description="dataset name -> settings of its reader, as aff_wild2: {release: '2022'}; added to READERS",
    )
    corpus: Corpus = Corpus()
    images: Images = Images()
    selection: Selection = Selection()
    split: Split = Split()
    balancing: Balancing = Balancing()
    training: Training = Training()
    evaluation: Evaluation = Evaluation()

    @field_validator("datasets")
    @classmethod
    def _known_datasets(cls, value: dict[str, str]) -> dict[str, str]:
        _check_datasets(value)
        return value

    @field_validator("datasets")
    @classmethod
    def _real_where_there_is_no_synthetic_tree(cls, value: dict[str, str]) -> dict[str, str]:
        from aulib.adapters import registry

        for name in (name for name, folder in value.items() if not folder and name not in registry.PAPER):
            raise ValueError(f"'{name}' has no synthetic tree; give the folder of the real data")
        return value

    @field_validator("readers")
    @classmethod
    def _known_readers(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        from aulib import adapters

        cls._known_datasets(value)
        for name, options in value.items():
            known = adapters.settings(name)
            for option in options:
                if option not in known:
                    raise ValueError(
                        f"the reader of {name} has no setting '{option}'{_suggest(option, known)}; "
                        f"accepted are {', '.join(known)}"
                    )
        names = {**READERS, **value}  # a dict, not a set: the order decides bytes of keys and records
        return {name: {**READERS.get(name, {}), **value.get(name, {})} for name in names}


#: The parameters a notebook may declare: the top-level keys of every profile.
PARAMETERS = tuple(Settings.model_fields)


def settings(**sections: Any) -> Settings:
    """Check parameters and fill in what is left out.

    What is left out has the value of the profile ``quick``, or of the profile that the environment variable
    ``AULIB_PROFILE`` names (small machines set it to ``tiny``).

    Args:
        **sections: any of :data:`PARAMETERS`; a section is a mapping of its own fields.

    Returns:
        The checked, immutable settings.

    Raises:
        SettingsError: an unknown name or a value outside its range; the message names both and what is accepted.

    Example:
        >>> settings(training={"epochs": (2, 1)}).training.epochs
        (2, 1)
    """
    default = os.environ.get("AULIB_PROFILE", "quick")
    if default != "quick":
        sections = _filled(load(default), sections)
    return _checked(sections, where="parameters")


def _filled(base: Settings, sections: dict[str, Any]) -> dict[str, Any]:
    """Put sections over those of a profile; it gives its name too, unless another than ``quick`` is given."""
    content = base.model_dump()
    for name, value in sections.items():
        both = (
            isinstance(value, Mapping) and isinstance(content.get(name), dict) and name not in ("datasets", "readers")
        )
        content[name] = {**content[name], **value} if both else value
    if sections.get("profile", "quick") == "quick":
        content["profile"] = base.profile
    return content


def load(profile: str | Path) -> Settings:
    """Load a profile by name (``"quick"``) or by path.

    Raises:
        SettingsError: no such profile, not YAML, or a parameter that the schema does not accept.
    """
    path = find(profile)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{path}: not a readable YAML file ({' '.join(str(error).split())})") from None
    if not isinstance(content, dict):
        raise SettingsError(f"{path}: a profile is a mapping of parameters, found {type(content).__name__}")
    return _checked({"profile": path.stem, **content}, where=str(path))


def find(profile: str | Path) -> Path:
    """Return the file of a profile given by name or path."""
    if Path(profile).suffix in (".yml", ".yaml"):
        path, known = Path(profile), "a path that ends in .yml"
    else:
        path, known = folder() / f"{profile}.yml", ", ".join(sorted(p.stem for p in folder().glob("*.yml")))
    if not path.is_file():
        raise SettingsError(
            f"no profile '{profile}'{_suggest(str(profile), NAMES)}; accepted are {known} (looked for {path})"
        )
    return path


def folder() -> Path:
    """Return the folder of the profiles: the checkout's, or the copy inside the installed package."""
    checkout = Path(__file__).resolve().parent.parent / "profiles"
    return checkout if checkout.is_dir() else Path(__file__).resolve().parent / "_profiles"


def override(base: Settings, **changes: Any) -> Settings:
    """Return settings with some parameters changed; a name as ``training.epochs`` reaches into a section."""
    content = base.model_dump()
    for name, value in changes.items():
        section, _, field = name.partition(".")
        if field:
            if not isinstance(content.get(section), dict):
                raise SettingsError(
                    f"no section '{section}'{_suggest(section, PARAMETERS)}; accepted are {', '.join(PARAMETERS)}"
                )
            content[section] = {**content[section], field: value}
        else:
            content[section] = value
    return _checked(content, where="parameters")


def _checked(content: dict[str, Any], where: str) -> Settings:
    try:
        return Settings.model_validate(content)
    except ValidationError as error:
        raise SettingsError(f"{where}: " + "; ".join(_sentence(e) for e in error.errors())) from None


def _sentence(error: dict[str, Any]) -> str:
    """Turn one of pydantic's errors into a sentence with the name, the value and what is accepted."""
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        model = Settings
        for part in error["loc"][:-1]:
            model = model.model_fields[part].annotation
        accepted = list(model.model_fields)
        return (
            f"unknown parameter '{name}'{_suggest(str(error['loc'][-1]), accepted)}; accepted are {', '.join(accepted)}"
        )
    return f"'{name}' is {error['input']!r}: {error['msg'].removeprefix('Value error, ')}"


def _check_datasets(names: Iterable[str]) -> None:
    from aulib import adapters

    for name in names:
        if name not in adapters.names():
            hint, accepted = _suggest(name, adapters.names()), ", ".join(adapters.names())
            raise ValueError(f"unknown dataset '{name}'{hint}; accepted are {accepted}")


def _suggest(name: str, accepted: Any) -> str:
    close = difflib.get_close_matches(name, list(accepted), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""
