"""Forty expectations over the SCMS delivery history, in Great Expectations 1.x's and 0.18's JSON."""

DATE = r"^\d{1,2}-[A-Z][a-z]{2}-\d{2}$"
WORDS = ["Date Not Captured", "N/A - From RDC", "Pre-PQ Process"]


def one(kind, severity=None, **kwargs):
    entry = {"type": kind, "kwargs": kwargs, "meta": {}}
    if severity:
        entry["meta"]["severity"] = severity
    return entry


EXPECTATIONS = [
    one("expect_table_row_count_to_equal", value=10324),
    one("expect_table_row_count_to_be_between", min_value=10000, max_value=10300),
    one("expect_table_column_count_to_equal", value=33),
    one("expect_table_column_count_to_be_between", min_value=30, max_value=32),
    one("expect_column_to_exist", column="Vendor"),
    one("expect_column_values_to_not_be_null", column="ID"),
    one("expect_column_values_to_not_be_null", column="Shipment Mode", mostly=0.9),
    one("expect_column_values_to_not_be_null", column="Line Item Insurance (USD)"),
    one("expect_column_values_to_be_null", column="Dosage", mostly=0.1),
    one("expect_column_values_to_be_unique", column="ID"),
    one("expect_column_values_to_be_unique", column="ASN/DN #"),
    one("expect_compound_columns_to_be_unique", column_list=["ASN/DN #", "Item Description"]),
    one("expect_column_values_to_be_between", column="Line Item Quantity", min_value=1,
        max_value=100000),
    one("expect_column_values_to_be_between", column="Unit Price", min_value=0, strict_min=True),
    one("expect_column_values_to_be_between", column="Pack Price", min_value=0, max_value=500,
        mostly=0.99, row_condition='Country=="Nigeria"', condition_parser="pandas"),
    one("expect_column_values_to_be_in_set", column="Shipment Mode",
        value_set=["Air", "Truck", "Air Charter", "Ocean"]),
    one("expect_column_values_to_be_in_set", column="First Line Designation",
        value_set=["Yes", "No"]),
    one("expect_column_values_to_not_be_in_set", column="Scheduled Delivery Date",
        value_set=WORDS),
    one("expect_column_values_to_match_regex", column="Delivered to Client Date", regex=DATE),
    one("expect_column_values_to_match_regex", column="PO Sent to Vendor Date", regex=DATE,
        mostly=0.4),
    one("expect_column_values_to_match_regex", column="Weight (Kilograms)", regex=r"^\d+$"),
    one("expect_column_values_to_not_match_regex", column="Freight Cost (USD)",
        regex=r"ID#:\d+"),
    one("expect_column_values_to_match_regex_list", column="Freight Cost (USD)",
        regex_list=[r"^[\d.]+$", "^Freight Included", "^Invoiced"], match_on="any"),
    one("expect_column_values_to_not_match_regex_list", column="Weight (Kilograms)",
        regex_list=["Captured", "See "]),
    one("expect_column_value_lengths_to_be_between", column="Country", min_value=4, max_value=12),
    one("expect_column_value_lengths_to_equal", column="Project Code", value=10, mostly=0.5),
    one("expect_column_value_z_scores_to_be_less_than", column="Line Item Value", threshold=3,
        double_sided=True, mostly=0.95),
    one("expect_column_pair_values_a_to_be_greater_than_b", column_A="Pack Price",
        column_B="Unit Price", or_equal=True, ignore_row_if="either_value_is_missing"),
    one("expect_column_pair_values_to_be_equal", column_A="Scheduled Delivery Date",
        column_B="Delivered to Client Date", mostly=0.5),
    one("expect_select_column_values_to_be_unique_within_record",
        column_list=["Scheduled Delivery Date", "Delivered to Client Date",
                     "Delivery Recorded Date"]),
    one("expect_column_min_to_be_between", column="Line Item Value", min_value=0, max_value=1),
    one("expect_column_max_to_be_between", column="Line Item Value", min_value=1, max_value=1e6),
    one("expect_column_mean_to_be_between", column="Unit Price", min_value=0.1, max_value=1),
    one("expect_column_median_to_be_between", column="Line Item Quantity", min_value=2000,
        max_value=4000),
    one("expect_column_stdev_to_be_between", column="Pack Price", min_value=1, max_value=100),
    one("expect_column_sum_to_be_between", column="Line Item Quantity", min_value=1,
        max_value=10**9),
    one("expect_column_unique_value_count_to_be_between", column="Country", min_value=43,
        max_value=43),
    one("expect_column_proportion_of_unique_values_to_be_between", column="Vendor",
        min_value=0.001, max_value=0.005),
    one("expect_column_quantile_values_to_be_between", column="Line Item Quantity",
        quantile_ranges={"quantiles": [0.05, 0.5, 0.95],
                         "value_ranges": [[1, 200], [2000, 4000], [10, 20]]}),
    one("expect_column_distinct_values_to_equal_set", column="Product Group",
        value_set=["ARV", "HRDT", "ANTM", "ACT", "MRDT"]),
    one("expect_column_most_common_value_to_be_in_set", column="Shipment Mode",
        value_set=["Air"]),
    one("expect_column_kl_divergence_to_be_less_than", column="First Line Designation",
        partition_object={"values": ["Yes", "No"], "weights": [0.7, 0.3]}, threshold=0.01),
]


for number, expectation in enumerate(EXPECTATIONS):
    expectation["meta"]["number"] = number


def suite_1():
    return {"name": "scms", "expectations": EXPECTATIONS,
            "meta": {"great_expectations_version": "1.0.0"}}


def suite_018():
    return {"expectation_suite_name": "scms", "ge_cloud_id": None, "data_asset_type": None,
            "expectations": [{"expectation_type": e["type"], "kwargs": e["kwargs"],
                              "meta": e["meta"]} for e in EXPECTATIONS],
            "meta": {"great_expectations_version": "0.18.22"}}
