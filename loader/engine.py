"""What `TIEOUT_ENGINE` decides: where the raw tables lie, and what builds the models."""

from __future__ import annotations

from loader.build import BankRules, DbtProject
from loader.lake import Lake
from loader.raw_data import RawData
from loader.settings import Engine, Settings
from loader.sources.shard import WHOLE, Shard
from loader.spark.build import SparkProject
from loader.spark.session import SparkLake
from loader.warehouse import Warehouse


def raw_data_of(settings: Settings, shard: Shard = WHOLE) -> RawData:
    """Answer the raw tables that these settings mean.

    Args:
        settings: of the run.
        shard: the accounts that this process reads.
    """
    if settings.engine is Engine.SPARK:
        return Lake(settings.lake, shard)
    return Warehouse(settings.warehouse_path)


def dbt_project_of(settings: Settings) -> DbtProject:
    """Answer the dbt project, pointed at what these settings mean."""
    rules = BankRules(settings.bank_grace_days, settings.bank_days_before, settings.bank_days_after)
    warehouse, folder, as_of = settings.warehouse_path, settings.mode_dir, settings.as_of
    if settings.engine is Engine.SPARK:
        lake = SparkLake(settings.lake, settings.spark_master)
        return SparkProject(warehouse, folder / "dbt_spark", as_of, rules, lake=lake)
    return DbtProject(warehouse, folder / "dbt", as_of, rules)
