"""Google's regions and zones, as far as anything here is in one: a list that drifts, so it stands here alone.

Source: gcloud 528 (June 2025), googlecloudsdk/core/docker/constants.py, `REGIONAL_AR_REGISTRIES`, for the
regions; Memorystore documentation, "Regions and zones", read in November 2026, for the letters of zones: of
`us-central2`, `us-east7` and `us-west8`, where there are registries, no public document names a zone.
"""

from __future__ import annotations

MULTI_REGIONS = ("asia", "europe", "us")
REGIONS = (
    "africa-south1",
    "asia-east1",
    "asia-east2",
    "asia-northeast1",
    "asia-northeast2",
    "asia-northeast3",
    "asia-south1",
    "asia-south2",
    "asia-southeast1",
    "asia-southeast2",
    "australia-southeast1",
    "australia-southeast2",
    "europe-central2",
    "europe-north1",
    "europe-north2",
    "europe-southwest1",
    "europe-west1",
    "europe-west10",
    "europe-west12",
    "europe-west2",
    "europe-west3",
    "europe-west4",
    "europe-west6",
    "europe-west8",
    "europe-west9",
    "me-central1",
    "me-central2",
    "me-west1",
    "northamerica-northeast1",
    "northamerica-northeast2",
    "northamerica-south1",
    "southamerica-east1",
    "southamerica-west1",
    "us-central1",
    "us-central2",
    "us-east1",
    "us-east4",
    "us-east5",
    "us-east7",
    "us-south1",
    "us-west1",
    "us-west2",
    "us-west3",
    "us-west4",
    "us-west8",
)
_LETTERS = {
    "europe-west1": "bcd",
    "us-central1": "abcf",
    "us-central2": "",
    "us-east1": "bcd",
    "us-east7": "",
    "us-west8": "",
}
ZONES = tuple(f"{region}-{letter}" for region in REGIONS for letter in _LETTERS.get(region, "abc"))
