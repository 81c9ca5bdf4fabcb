"""Runs in an environment with Great Expectations: holds the SCMS suite against a Parquet file and
prints verdicts and counts as JSON. Takes the file, and how the environment is called."""

import json
import logging
import sys
import time
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

import great_expectations as gx  # noqa: E402
import pandas  # noqa: E402

import quality_scms  # noqa: E402


def with_1(frame, suite, result_format):
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("p").add_dataframe_asset("scms")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    made = gx.ExpectationSuite(name=suite["name"], expectations=suite["expectations"])
    started = time.monotonic()
    answer = batch.validate(made, result_format=result_format)
    return answer.to_json_dict(), time.monotonic() - started


def with_018(frame, suite, result_format):
    from great_expectations.core import ExpectationSuite
    context = gx.get_context(mode="ephemeral")
    asset = context.sources.add_pandas("p").add_dataframe_asset("scms", dataframe=frame)
    made = ExpectationSuite(expectation_suite_name="scms", expectations=suite["expectations"])
    validator = context.get_validator(batch_request=asset.build_batch_request(),
                                      expectation_suite=made)
    started = time.monotonic()
    answer = validator.validate(result_format=result_format)
    return answer.to_json_dict(), time.monotonic() - started


def main():
    frame = pandas.read_parquet(sys.argv[1])
    result_format = {"result_format": sys.argv[2] if len(sys.argv) > 2 else "SUMMARY"}
    old = gx.__version__.startswith("0.")
    if len(sys.argv) > 3:
        suite = json.load(open(sys.argv[3]))
    else:
        suite = quality_scms.suite_018() if old else quality_scms.suite_1()
    answer, seconds = (with_018 if old else with_1)(frame, suite, result_format)
    print(json.dumps({"version": gx.__version__, "seconds": seconds, "answer": answer}, default=lambda v: v.item()))


main()
