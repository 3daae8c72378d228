"""Every row of the contract's tables has a golden test that is named after it."""

import ast
from pathlib import Path

from holdall.domain.records import FieldType

ENDPOINTS = {
    "1": "test_endpoint_01_get_v1_system_meta",
    "2": "test_endpoint_02_get_v1_user_profile",
    "3": "test_endpoint_03_get_v1_spaces",
    "4": "test_endpoint_04_get_v1_space",
    "5": "test_endpoint_05_get_v1_nodes",
    "6": "test_endpoint_06_get_v1_node",
    "7": "test_endpoint_07_get_v1_database",
    "8": "test_endpoint_08_get_v1_fields",
    "9": "test_endpoint_09_get_v1_views",
    "10": "test_endpoint_10_get_v1_records",
    "11": "test_endpoint_11_post_v1_records",
    "12": "test_endpoint_12_patch_v1_records",
    "12a": "test_endpoint_12a_put_and_patch_v1_record",
    "13": "test_endpoint_13_delete_v1_record",
    "14": "test_endpoint_14_post_v1_attachments",
    "15": "test_endpoint_15_get_v1_triggers",
    "16": "test_endpoint_16_outgoing_webhooks",
    "17": "test_endpoint_17_get_v1_embed_links",
    "18": "test_endpoint_18_get_v2_records",
    "19": "test_endpoint_19_get_v2_record",
    "20": "test_endpoint_20_post_v2_records",
    "21": "test_endpoint_21_put_v2_record",
    "22": "test_endpoint_22_put_and_patch_v2_records",
    "23": "test_endpoint_23_delete_v2_record",
    "24": "test_endpoint_24_delete_v2_records",
}
"""Section 3, by the number of the row."""
FIELDS = {type: f"test_field_{type.lower()}" for type in FieldType}
"""Section 5."""


def golden(module: str) -> set[str]:
    tree = ast.parse((Path(__file__).parent / f"{module}.py").read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_row_of_endpoints_has_a_golden_test():
    written = {name for name in golden("test_contract_endpoints") if name.startswith("test_endpoint_")}
    assert written == set(ENDPOINTS.values())


def test_every_row_of_field_types_has_a_golden_test():
    written = {name for name in golden("test_contract_fields") if name.startswith("test_field_")}
    assert written == set(FIELDS.values())
