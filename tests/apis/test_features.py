"""UpdateFeatures, as clients see it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pykbroker import errors
from pykbroker.metadata.replay import apply
from pykbroker.wire.messages.metadata_records import FeatureLevelRecord
from pykbroker.wire.messages.update_features import FeatureUpdateKey, UpdateFeaturesRequest
from tests.apis.calling import call, versions_of
from tests.metadata.brokers import Cluster, a_cluster

UPGRADE, SAFE, UNSAFE = 1, 2, 3
METADATA = "metadata.version"
INVALID = errors.INVALID_UPDATE_VERSION


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return a_cluster(tmp_path)


def update(
    cluster: Cluster, *wanted: tuple[str, int, int], version: int = 2, validate_only: bool = False
) -> Any:
    request = UpdateFeaturesRequest(timeout_ms=1000)
    for name, level, kind in wanted:
        key = FeatureUpdateKey(feature=name, max_version_level=level)
        if version >= 1:
            key.upgrade_type = kind
        request.feature_updates.append(key)
    if version >= 1:
        request.validate_only = validate_only
    return call(cluster, request, version)


def refused(cluster: Cluster, name: str, level: int, kind: int = UPGRADE, version: int = 2) -> str:
    """Return why an update is refused; the whole request is."""
    response = update(cluster, (METADATA, 30, UPGRADE), (name, level, kind), version=version)
    assert (response.error_code, response.results) == (INVALID, [])
    message: str = response.error_message
    return message


def older(cluster: Cluster, level: int) -> Cluster:
    """Let the cluster be one that was made with an older Kafka."""
    apply(cluster.image, FeatureLevelRecord(name=METADATA, feature_level=level))
    return cluster


@pytest.mark.parametrize("version", versions_of(57))
def test_present_level_is_accepted(cluster: Cluster, version: int) -> None:
    # API-16: results by feature are gone in v2
    end = cluster.controller.partition.log_end_offset
    response = update(cluster, (METADATA, 30, UPGRADE), ("group.version", 0, UPGRADE), version=version)
    assert (response.error_code, response.error_message) == (0, None)
    results = [(each.feature, each.error_code) for each in response.results]
    assert results == ([(METADATA, 0), ("group.version", 0)] if version < 2 else [])
    assert cluster.controller.partition.log_end_offset == end
    assert update(cluster, version=version).error_code == 0


@pytest.mark.parametrize("version", versions_of(57))
def test_levels_that_are_not_supported(cluster: Cluster, version: int) -> None:
    # API-16: also those of protocols that Kafka has and this broker does not speak
    assert "only supports versions 7-30" in refused(cluster, METADATA, 31, version=version)
    assert "only supports versions 7-30" in refused(cluster, METADATA, 6, version=version)
    for name in ("group.version", "transaction.version", "share.version", "streams.version", "kraft.version", "no", ""):
        assert "does not support this feature" in refused(cluster, name, 1, version=version)
    assert "less than 0" in refused(cluster, METADATA, -1, version=version)
    assert "not found" in refused(cluster, "no", 0, version=version)
    assert cluster.image.features == {METADATA: 30}


@pytest.mark.parametrize("version", versions_of(57)[1:])
def test_downgrade_has_to_be_asked_for(cluster: Cluster, version: int) -> None:
    # API-16
    older(cluster, 26)
    level = (METADATA, 25)
    assert update(cluster, (*level, UPGRADE), version=version).error_code == INVALID
    assert update(cluster, (*level, 0), version=version).error_code == INVALID
    assert update(cluster, (*level, 4), version=version).error_code == INVALID
    assert update(cluster, (METADATA, 27, SAFE), version=version).error_code == INVALID
    assert update(cluster, (*level, SAFE), version=version).error_code == 0
    assert cluster.image.features == {METADATA: 25}
    assert cluster.restarted().image.features == {METADATA: 25}


def test_first_version_cannot_downgrade(cluster: Cluster) -> None:
    older(cluster, 26)
    update_key = FeatureUpdateKey(feature=METADATA, max_version_level=25, allow_downgrade=True)
    assert call(cluster, UpdateFeaturesRequest(feature_updates=[update_key]), 0).error_code == INVALID


def test_downgrade_that_would_lose_metadata_is_refused(cluster: Cluster) -> None:
    # API-16: 4.3-IV0 has records that 4.2 does not know; 4.0-IV1 has some that 4.0-IV0 does not.
    assert "might delete metadata" in refused(cluster, METADATA, 29, SAFE)
    assert "not supported" in update(cluster, (METADATA, 29, UNSAFE)).error_message
    older(cluster, 25)
    assert update(cluster, (METADATA, 22, SAFE), validate_only=True).error_code == INVALID
    assert update(cluster, (METADATA, 23, SAFE), validate_only=True).error_code == 0


@pytest.mark.parametrize("version", versions_of(57))
def test_upgrade_is_kept(cluster: Cluster, version: int) -> None:
    # API-16
    older(cluster, 25)
    assert update(cluster, (METADATA, 26, UPGRADE), version=version).error_code == 0
    assert cluster.restarted().image.features == {METADATA: 26}


def test_validate_only_changes_nothing(cluster: Cluster) -> None:
    older(cluster, 25)
    for version in versions_of(57)[1:]:
        assert update(cluster, (METADATA, 26, UPGRADE), version=version, validate_only=True).error_code == 0
    assert cluster.image.features == {METADATA: 25}


def test_last_of_several_updates_of_a_feature_counts(cluster: Cluster) -> None:
    older(cluster, 25)
    assert update(cluster, (METADATA, 26, UPGRADE), (METADATA, 31, UPGRADE), validate_only=True).error_code == INVALID
    response = update(cluster, (METADATA, 31, UPGRADE), (METADATA, 26, UPGRADE), version=1)
    assert (response.error_code, len(response.results)) == (0, 2)
    assert cluster.image.features == {METADATA: 26}


def test_level_that_another_broker_left_behind_can_go(cluster: Cluster) -> None:
    # A directory of Kafka's has levels of protocols that this broker does not speak.
    apply(cluster.image, FeatureLevelRecord(name="group.version", feature_level=1))
    assert update(cluster, ("group.version", 0, UPGRADE)).error_code == INVALID
    assert update(cluster, ("group.version", 0, SAFE)).error_code == 0
    assert cluster.image.features == {METADATA: 30}
