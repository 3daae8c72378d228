# ruff: noqa: T201 - a report for people
"""Takes controls out, one at a time, and looks whether the test that is named for each notices.

``python -m tests.support.mutations [WORD …]`` tries those whose name or place holds a word, or all. It works on a copy
of the checkout. A mutation whose text is not found any more is told, and counts as a failure: the code moved on.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_SECONDS = 120


@dataclass(frozen=True)
class Mutation:
    """A control that is taken out by writing ``new`` for ``old``, and the test that must fail then."""

    control: str
    module: str
    old: str
    new: str
    test: str


BLOBS, INSPECT, WEB = "adapters/blobs", "adapters/inspect", "web"
MUTATIONS = [
    # ── what comes in ────────────────────────────────────────────────────────────────────────────────────────────
    Mutation(
        "the last extension decides, in lower case",
        "domain/policy.py",
        "return extension.lower() if",
        "return extension if",
        "tests/api/test_pika.py::test_every_promised_image_type_is_taken",
    ),
    Mutation(
        "content must be what the extension names",
        "domain/policy.py",
        "detected in policy.refused_contents or not type.may_begin_as(detected)",
        "detected in policy.refused_contents",
        "tests/api/test_bika.py::test_a_file_that_is_not_what_its_name_says_is_refused",
    ),
    Mutation(
        "active content is refused under every name",
        "domain/policy.py",
        "detected in policy.refused_contents or not",
        "not",
        "tests/api/test_bika.py::test_a_file_that_is_not_what_its_name_says_is_refused",
    ),
    Mutation(
        "size limit",
        "domain/policy.py",
        "staged.is_over or staged.size > policy.kind.max_bytes",
        "False",
        "tests/acceptance/test_size_limits.py::test_a_file_over_the_limit_is_refused",
    ),
    Mutation(
        "limit on the running total",
        f"{WEB}/receive.py",
        "if self._received > limits.max_body_bytes:",
        "if False:",
        "tests/unit/test_receive.py::test_a_chunked_body_past_the_ceiling_is_refused",
    ),
    Mutation(
        "limit on the announced length",
        f"{WEB}/receive.py",
        "if announced_length(headers) > limits.max_body_bytes:",
        "if False:",
        "tests/unit/test_receive.py::test_a_body_that_announces_too_much_is_refused_unread",
    ),
    Mutation(
        "number of parts",
        f"{WEB}/receive.py",
        "max_segment_count=MAX_PARTS,",
        "max_segment_count=10**9,",
        "tests/unit/test_receive.py::test_ten_thousand_parts_are_refused",
    ),
    Mutation(
        "size of part headers",
        f"{WEB}/receive.py",
        "max_header_size=MAX_HEADER_BYTES,",
        "max_header_size=10**9,",
        "tests/unit/test_receive.py::test_a_part_header_over_its_limit_is_refused",
    ),
    Mutation(
        "number of part headers",
        f"{WEB}/receive.py",
        "max_header_count=MAX_PART_HEADERS,",
        "max_header_count=10**9,",
        "tests/unit/test_receive.py::test_too_many_headers_of_a_part_are_refused",
    ),
    Mutation(
        "size of text fields",
        f"{WEB}/receive.py",
        "if len(self._field_bytes) > MAX_FIELD_BYTES:",
        "if False:",
        "tests/unit/test_receive.py::test_a_text_field_over_its_limit_is_refused",
    ),
    Mutation(
        "number of files",
        f"{WEB}/receive.py",
        "if len(self.stagings) >= self._limits.max_files:",
        "if False:",
        "tests/unit/test_receive.py::test_more_files_than_allowed_are_refused",
    ),
    Mutation(
        "truncation is noticed",
        f"{WEB}/receive.py",
        "            self._parser.close()\n",
        "",
        "tests/unit/test_receive.py::test_a_truncated_body_is_refused",
    ),
    Mutation(
        "Content-Length is a plain number",
        f"{WEB}/receive.py",
        "if not (text.isascii() and text.isdigit() and len(text) < 20):",
        "if False:",
        "tests/unit/test_receive.py::test_a_length_that_is_no_number_is_refused",
    ),
    Mutation(
        "compressed bodies are refused",
        f"{WEB}/receive.py",
        'if encoding not in ("", "identity"):',
        "if False:",
        "tests/unit/test_receive.py::test_a_compressed_body_is_refused_unread",
    ),
    Mutation(
        "stalling clients are given up",
        f"{WEB}/receive.py",
        "watch.reschedule(loop.time() + self._limits.stall_seconds)",
        "watch.reschedule(None)",
        "tests/unit/test_receive.py::test_a_stalling_client_is_given_up",
    ),
    Mutation(
        "crawling clients are given up",
        f"{WEB}/receive.py",
        "if is_crawling or elapsed",
        "if elapsed",
        "tests/unit/test_receive.py::test_a_crawling_client_is_given_up",
    ),
    Mutation(
        "who takes nothing of an answer is given up",
        f"{WEB}/readers.py",
        "            connection.shutdown(socket.SHUT_RDWR)",
        "            pass",
        "tests/acceptance/test_slow_clients.py::test_who_takes_nothing_of_an_answer_is_given_up",
    ),
    Mutation(
        "who reads slowly is not given up",
        f"{WEB}/readers.py",
        "before is not None and before.acked == acked",
        "before is not None",
        "tests/acceptance/test_slow_clients.py::test_who_takes_an_answer_slowly_and_steadily_gets_it",
    ),
    Mutation(
        "a name loses its path",
        "domain/filename.py",
        'base = client_name.replace("\\\\", "/").rsplit("/", 1)[-1]',
        "base = client_name",
        "tests/unit/test_filename.py::test_a_name_loses_its_path_and_what_nobody_sees",
    ),
    Mutation(
        "a name loses what nobody sees",
        "domain/filename.py",
        "unicodedata.category(char) not in _UNSEEN",
        "True",
        "tests/unit/test_filename.py::test_a_name_loses_its_path_and_what_nobody_sees",
    ),
    Mutation(
        "announced digests are checked",
        f"{WEB}/digests.py",
        "if not any(candidate.get(algorithm) == digest for candidate in candidates):",
        "if False:",
        "tests/api/test_bika.py::test_an_announced_digest_is_checked",
    ),
    # ── what is inside ───────────────────────────────────────────────────────────────────────────────────────────
    Mutation(
        "pixels are limited by the header",
        f"{INSPECT}/images.py",
        "if pixels > job.limits.max_pixels:",
        "if False:",
        "tests/integration/test_inspector.py::test_too_many_pixels_are_told_from_the_header",
    ),
    Mutation(
        "frames are limited by the header",
        f"{INSPECT}/images.py",
        "if frames > job.limits.max_frames:",
        "if False:",
        "tests/integration/test_inspector.py::test_too_many_frames_are_told_from_the_header",
    ),
    Mutation(
        "images are decoded to the end",
        f"{INSPECT}/images.py",
        'if end is None:\n        raise Corrupt("the file ends before the image does")',
        "if end is None:\n        end = len(data)",
        "tests/integration/test_inspector.py::test_a_picture_passes_whole_and_nowhere_cut",
    ),
    Mutation(
        "only four image loaders are open",
        f"{INSPECT}/images.py",
        'pyvips.operation_block_set("VipsForeignLoad", True)',
        "pass",
        "tests/integration/test_inspector.py::test_a_loader_that_is_not_on_the_list_stays_shut",
    ),
    Mutation(
        "HEVC alone reaches the decoder of HEIC",
        f"{INSPECT}/heic.py",
        "if strange := set(items.values()) - _ITEMS:",
        "if strange := set():",
        "tests/integration/test_heic.py::test_no_other_coding_is_let_through",
    ),
    Mutation(
        "every tile of HEIC is counted through",
        f"{INSPECT}/heic.py",
        "if position == 0 or position != len(coded):",
        "if False:",
        "tests/integration/test_heic.py::test_no_tile_may_be_missing",
    ),
    Mutation(
        "all that HEIC points to is in the file",
        f"{INSPECT}/boxes.py",
        "                if pieces[-1][1] > end:",
        "                if False:",
        "tests/integration/test_heic.py::test_no_piece_lies_outside",
    ),
    Mutation(
        "pixels of HEIC are limited by the header",
        f"{INSPECT}/heic.py",
        "if width * height > limits.max_pixels:",
        "if False:",
        "tests/integration/test_heic.py::test_too_many_pixels_are_told_from_the_header",
    ),
    Mutation(
        "every picture of HEIC is decoded",
        f"{INSPECT}/heic.py",
        "                _pixels_of(picture)",
        "                pass",
        "tests/integration/test_heic.py::test_a_second_picture_that_does_not_decode_is_noticed",
    ),
    Mutation(
        "no HEIC where pictures are kept anew",
        "domain/policy.py",
        "if type.mime not in DECODED_ONLY)",
        "if True)",
        "tests/api/test_space_rules.py::test_heic_is_bikas_alone",
    ),
    Mutation(
        "renditions carry no metadata",
        f"{INSPECT}/pixels.py",
        ', keep="none")',
        ")",
        "tests/integration/test_renditions.py::test_nothing_but_the_picture_survives",
    ),
    Mutation(
        "renditions of photographs carry no comment",
        f"{INSPECT}/jpeg.py",
        'comment=b"", **bare',
        "**bare",
        "tests/integration/test_inspector.py::test_metadata_does_not_reach_the_rendition",
    ),
    Mutation(
        "pika keeps masters",
        "dialects/pika/routes.py",
        'replace(edge.policy("pika", order.policy, space), master=master, recipes=())',
        'replace(edge.policy("pika", order.policy, space), master=None, recipes=())',
        "tests/api/test_variants.py::test_no_metadata_leaves_pika_by_any_url",
    ),
    Mutation(
        "a copied JPEG has no metadata",
        f"{INSPECT}/strip.py",
        "return marker != _COM and not _APP0 <= marker <= _APP15",
        "return True",
        "tests/integration/test_renditions.py::test_nothing_but_the_picture_survives",
    ),
    Mutation(
        "a copied PNG has no metadata",
        f"{INSPECT}/strip.py",
        'if kind in _PNG_CHUNKS or (kept.profile and kind == b"iCCP"):',
        "if True:",
        "tests/integration/test_renditions.py::test_nothing_but_the_picture_survives",
    ),
    Mutation(
        "a copied GIF has no comments",
        f"{INSPECT}/strip.py",
        " or block[1] == _GRAPHIC_CONTROL or _counts_rounds(block):",
        " or True:",
        "tests/integration/test_renditions.py::test_nothing_but_the_picture_survives",
    ),
    Mutation(
        "a copied WebP has no metadata",
        f"{INSPECT}/strip.py",
        "elif kind in wanted:",
        "else:",
        "tests/integration/test_renditions.py::test_nothing_but_the_picture_survives",
    ),
    Mutation(
        "orientation of photographs is applied",
        f"{INSPECT}/jpeg.py",
        "    if orientation in _UPRIGHT:\n",
        "    if False:\n",
        "tests/integration/test_renditions.py::test_every_exif_orientation_is_applied_to_all_that_is_made",
    ),
    Mutation(
        "a child's word for a type is not taken",
        f"{INSPECT}/inspector.py",
        "if any(each.mime not in SHOWN for each in made) or (replacement and replacement.mime != mime):",
        "if False:",
        "tests/integration/test_renditions.py::test_a_child_that_calls_a_page_a_picture_is_not_believed",
    ),
    Mutation(
        "no entities in documents' words",
        f"{INSPECT}/extract.py",
        "    parser.StartDoctypeDeclHandler = refuse\n",
        "",
        "tests/integration/test_renditions.py::test_text_is_read",
    ),
    Mutation(
        "a rendition is found for its owner first",
        f"{WEB}/serving.py",
        "await find_upload(services, path, may_read, untouched)",
        "await find_upload(services, path, lambda *_: True, untouched)",
        "tests/api/test_variants.py::test_a_rendition_is_its_owners",
    ),
    Mutation(
        "named sizes only",
        f"{WEB}/sizes.py",
        "len(asked) > 1 or value not in SIZES",
        "len(asked) > 1",
        "tests/unit/test_sizes.py::test_all_else_is_refused",
    ),
    Mutation(
        "signed sizes are bounded",
        "domain/variants.py",
        "match is None or not SMALLEST_BOX <= int(match[2]) <= LARGEST_BOX",
        "match is None",
        "tests/unit/test_sizes.py::test_signed_names_are_few_and_bounded",
    ),
    Mutation(
        "one task for all who ask",
        "flows/variants.py",
        "task = self._at_work.get(key)",
        "task = None",
        "tests/integration/test_variants_on_demand.py::test_fifty_who_ask_at_once_are_served_by_one",
    ),
    Mutation(
        "renditions at work are bounded",
        "flows/variants.py",
        "if len(self._at_work) >= MAX_AT_WORK:",
        "if False:",
        "tests/integration/test_variants_on_demand.py::test_the_queue_has_an_end",
    ),
    Mutation(
        "failures are remembered",
        "flows/variants.py",
        " or self._has_failed(key)",
        "",
        "tests/integration/test_variants_on_demand.py::test_a_failure_is_remembered_for_a_while",
    ),
    Mutation(
        "a condemned blob gets no variant",
        "adapters/db/files.py",
        'if self._connection.scalar(_HOLD_READY, {"of_blob": blob.id}) is None:',
        "if False:",
        "tests/integration/test_variants_on_demand.py"
        "::test_a_file_that_goes_away_meanwhile_gets_no_variant_and_a_sweep_takes_them_all",
    ),
    Mutation(
        "places are hidden where a house wants it",
        "dialects/bika/routes.py",
        "hiding_places(by_default=edge.hides_places)",
        "hiding_places(by_default=False)",
        "tests/api/test_variants.py::test_places_can_be_hidden_on_serve",
    ),
    Mutation(
        "number of members of a package",
        f"{INSPECT}/packages.py",
        "if len(members) > limits.max_members:",
        "if False:",
        "tests/integration/test_inspector.py::test_members_are_counted_and_not_believed",
    ),
    Mutation(
        "unpacked size of a package",
        f"{INSPECT}/packages.py",
        "if sum(member.file_size for member in members) > limits.max_unpacked_bytes:",
        "if False:",
        "tests/integration/test_inspector.py::test_unpacked_bytes_are_added_up",
    ),
    Mutation(
        "ratio of a member",
        f"{INSPECT}/packages.py",
        "if is_bomb(member, limits):",
        "if False:",
        "tests/integration/test_inspector.py::test_a_package_that_is_false_or_dangerous_is_refused",
    ),
    Mutation(
        "overlapping members",
        f"{INSPECT}/packages.py",
        "if any(end > start for end, start in zip(ends, starts, strict=True)):",
        "if False:",
        "tests/integration/test_inspector.py::test_links_secrets_and_shared_bytes_in_a_package_are_refused",
    ),
    Mutation(
        "climbing names",
        f"{INSPECT}/packages.py",
        "if _leaves_its_folder(member.orig_filename):",
        "if False:",
        "tests/integration/test_inspector.py::test_a_package_that_is_false_or_dangerous_is_refused",
    ),
    Mutation(
        "links in packages",
        f"{INSPECT}/packages.py",
        "if stat.S_ISLNK(member.external_attr >> 16) or member.external_attr & _DOS_LINK:",
        "if False:",
        "tests/integration/test_inspector.py::test_links_secrets_and_shared_bytes_in_a_package_are_refused",
    ),
    Mutation(
        "wall clock of a job",
        f"{INSPECT}/pool.py",
        "async with asyncio.timeout(wall_seconds):",
        "async with asyncio.timeout(None):",
        "tests/integration/test_child_pool.py::test_a_child_that_hangs_is_killed_at_the_wall_clock",
    ),
    Mutation(
        "bounded queue",
        f"{INSPECT}/pool.py",
        "if self._free_places <= 0:",
        "if False:",
        "tests/integration/test_child_pool.py::test_the_queue_is_bounded",
    ),
    Mutation(
        "memory of a job",
        f"{INSPECT}/limits.py",
        "if mapped := _mapped_bytes():",
        "if mapped := 0:",
        "tests/integration/test_child_pool.py::test_a_memory_bomb_meets_its_limit_and_nobody_else_does",
    ),
    Mutation(
        "processor time of a job",
        f"{INSPECT}/limits.py",
        "resource.setrlimit(resource.RLIMIT_CPU, (used_seconds + cpu_seconds, resource.RLIM_INFINITY))",
        "pass",
        "tests/integration/test_child_pool.py::test_processor_time_has_its_limit_too",
    ),
    Mutation(
        "children have no network",
        f"{INSPECT}/sandbox.py",
        '    "socket": (41, 198),\n',
        "",
        "tests/integration/test_child_pool.py::test_the_network_programs_processes_and_files_are_really_out_of_reach",
    ),
    Mutation(
        "children start no programs",
        f"{INSPECT}/sandbox.py",
        '    "execve": (59, 221),\n',
        "",
        "tests/integration/test_child_pool.py::test_the_network_programs_processes_and_files_are_really_out_of_reach",
    ),
    Mutation(
        "children see nothing of our environment",
        f"{INSPECT}/pool.py",
        "return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | _FOR_PARSERS",
        "return dict(os.environ) | _FOR_PARSERS",
        "tests/acceptance/test_encryption.py::test_the_keys_reach_no_child_and_no_log",
    ),
    Mutation(
        "what is infected is refused",
        "flows/judge.py",
        "raise Infected(verdict.signature)",
        'return ""',
        "tests/api/test_pika.py::test_malware_is_refused",
    ),
    Mutation(
        "a scan that fails is not a clean one",
        "adapters/scan/yara.py",
        'return Verdict(not_scanned=str(failure) or "the scanner failed")',
        "return Verdict()",
        "tests/integration/test_scanner.py::test_a_scan_that_hangs_is_not_a_clean_one",
    ),
    Mutation(
        "large files are scanned to their end",
        "adapters/scan/matching.py",
        "if start + len(window) >= size:",
        "if True:",
        "tests/integration/test_scanner.py::test_a_large_file_is_scanned_to_its_last_byte",
    ),
    Mutation(
        "what is not scanned is not kept",
        "flows/judge.py",
        "if verdict.not_scanned and not services.caution.keeps_unscanned:",
        "if False:",
        "tests/integration/test_quarantine.py::test_what_is_not_scanned_is_refused_and_not_kept",
    ),
    Mutation(
        "every rule that matches is told",
        "adapters/inspect/child.py",
        "return tuple(dict.fromkeys(rules))[:MAX_RULES]",
        "return tuple(dict.fromkeys(rules))[:1]",
        "tests/integration/test_scanner.py::test_all_rules_that_match_are_told",
    ),
    Mutation(
        "an overruled rule hides no scan without an end",
        "flows/judge.py",
        "    if verdict.not_scanned and not services",
        "    if not verdict.signature and not services",
        "tests/integration/test_quarantine.py::test_an_overruled_rule_does_not_hide_that_the_scan_had_no_end",
    ),
    Mutation(
        "a bad file that is slow to scan is found out",
        "adapters/scan/matching.py",
        "while not has_matched or time.monotonic() < until:",
        "while True:",
        "tests/integration/test_scanner.py::test_a_file_that_is_known_to_be_bad_does_not_get_away_by_being_slow",
    ),
    Mutation(
        "the worst verdict counts",
        "adapters/scan/together.py",
        "verdict = await scanning",
        "verdict = worst(())",
        "tests/acceptance/test_malware.py::test_either_scanner_alone_suffices",
    ),
    Mutation(
        "the scan of a refused file is given up",
        "adapters/scan/together.py",
        "            scanning.cancel()\n            await asyncio.gather(scanning, return_exceptions=True)\n",
        "            pass\n",
        "tests/contract/test_scanners_together.py::test_the_scan_of_a_refused_file_is_given_up",
    ),
    Mutation(
        "clamd's clean is exactly its clean",
        "adapters/scan/clamd.py",
        "_CLEAN.fullmatch(said)",
        "_CLEAN.match(said)",
        "tests/integration/test_clamd.py::test_what_is_no_clear_answer_is_not_scanned",
    ),
    Mutation(
        "clamd's clean is of a whole file",
        "adapters/scan/clamd.py",
        "if is_whole and _CLEAN",
        "if _CLEAN",
        "tests/integration/test_clamd.py::test_what_is_no_clear_answer_is_not_scanned",
    ),
    Mutation(
        "clamd's limits are no infection",
        "adapters/scan/clamd.py",
        "if signature.startswith(_OVER_LIMIT):",
        "if False:",
        "tests/integration/test_clamd.py::test_a_file_that_clamd_only_looks_into_so_far_is_not_scanned",
    ),
    Mutation(
        "nothing over clamd's limit is sent",
        "adapters/scan/clamd.py",
        "if size > self._max_bytes:",
        "if False:",
        "tests/integration/test_clamd.py::test_a_file_over_our_limit_is_not_even_sent",
    ),
    Mutation(
        "the next clamd is asked",
        "adapters/scan/clamd.py",
        'reasons.append(f"clamd at {address}: {silence}")',
        'return Verdict(not_scanned=f"clamd at {address}: {silence}")',
        "tests/integration/test_clamd.py::test_the_next_address_is_asked_when_one_fails",
    ),
    Mutation(
        "broken rules never come into force",
        "adapters/scan/rulebook.py",
        "                self._broken = str(error)\n",
        "                self._broken, self._current = str(error), None\n",
        "tests/integration/test_rulebook.py::test_broken_rules_leave_the_old_ones_in_force",
    ),
    Mutation(
        "a child goes by the rules in force",
        "adapters/inspect/pool.py",
        "if child.is_alive() and child.rules == self._rules.in_force:",
        "if child.is_alive():",
        "tests/integration/test_rulebook.py::test_a_changed_rule_is_taken_up_by_the_next_scan",
    ),
    Mutation(
        "what is in quarantine is not served",
        "flows/serve.py",
        "if upload is None or upload.blob.state is not BlobState.READY or not may_read(ledger, upload):",
        "if upload is None or not may_read(ledger, upload):",
        "tests/integration/test_quarantine.py::test_it_is_out_of_reach_before_its_bytes_are_moved",
    ),
    Mutation(
        "what is in quarantine is not attached",
        "flows/cells.py",
        "if upload is None or upload.blob.state is not BlobState.READY:",
        "if upload is None:",
        "tests/integration/test_quarantine.py::test_what_is_in_quarantine_cannot_be_attached",
    ),
    Mutation(
        "a blob that is taken changes its state",
        "adapters/db/quarantine.py",
        '        if not self._connection.execute(_SEIZE, {"blob_id": blob.id}).rowcount:\n            return None\n',
        "",
        "tests/integration/test_quarantine.py::test_it_is_out_of_reach_before_its_bytes_are_moved",
    ),
    Mutation(
        "a quarantined blob is not unfinished",
        "adapters/db/files.py",
        " & (blobs.c.state == literal_column(\"'condemned'\"))",
        "",
        "tests/integration/test_quarantine.py::test_sweeps_leave_alone_what_is_in_quarantine",
    ),
    Mutation(
        "a rescan begins anew under other rules",
        "adapters/db/rescans.py",
        "and earlier.edition == edition ",
        "",
        "tests/integration/test_quarantine.py::test_a_rescan_begins_anew_under_other_rules",
    ),
    Mutation(
        "a rescan goes on where it was",
        "adapters/db/rescans.py",
        "and not earlier.is_finished:\n            return earlier",
        "and False:\n            return earlier",
        "tests/integration/test_quarantine.py::test_a_rescan_goes_on_where_it_was_stopped",
    ),
    Mutation(
        "what is held is sealed",
        "bootstrap.py",
        'return SealedBlobStore(bare, Keyring((MasterKey.of(secret),)), settings.data / "quarantine-sealing")',
        "return bare",
        "tests/acceptance/test_malware.py::test_nothing_of_what_is_held_can_be_recognised_on_disk",
    ),
    Mutation(
        "a file is held once",
        "flows/quarantine.py",
        "if ledger.quarantine.recur(new, now) is not None:",
        "if False:",
        "tests/integration/test_quarantine.py::test_the_same_file_from_the_same_hands_is_held_once",
    ),
    Mutation(
        "the quarantine is capped",
        "adapters/db/quarantine.py",
        '_RANKED.c.total > bindparam("max_bytes"),',
        '_RANKED.c.total > bindparam("max_bytes") * 1000,',
        "tests/integration/test_quarantine.py::test_the_quarantine_is_capped_oldest_first",
    ),
    Mutation(
        "a release is for one space",
        "adapters/db/quarantine.py",
        '    allowances.c.space_id == bindparam("space_id"),\n',
        "",
        "tests/integration/test_quarantine.py::test_a_rule_that_was_overruled_is_so_for_this_content_in_this_space_only",
    ),
    Mutation(
        "a release is for one rule",
        "adapters/db/quarantine.py",
        '    allowances.c.signature == bindparam("signature"),\n)',
        ")",
        "tests/integration/test_quarantine.py::test_a_rule_that_was_overruled_is_so_for_this_content_in_this_space_only",
    ),
    Mutation(
        "a release is on record",
        "flows/quarantine.py",
        'ledger.audit.record(self.by, "quarantine.release", self.file.id, details)',
        "del details",
        "tests/integration/test_quarantine.py::test_a_released_file_is_the_upload_that_it_was_meant_to_be",
    ),
    Mutation(
        "a refusal does not hang on the quarantine",
        "flows/quarantine.py",
        '    except (HoldallError, OSError) as error:\n        log.error("not quarantined"',
        '    except ZeroDivisionError as error:\n        log.error("not quarantined"',
        "tests/integration/test_quarantine.py::test_a_refusal_does_not_hang_on_the_quarantine",
    ),
    # ── who may do what ──────────────────────────────────────────────────────────────────────────────────────────
    Mutation(
        "revoked tokens are dead",
        "flows/access.py",
        "if token is None or not token.is_live(now):",
        "if token is None:",
        "tests/api/test_bika.py::test_a_revoked_token_is_dead_at_once",
    ),
    Mutation(
        "signing out kills the secret",
        "flows/session.py",
        "        ledger.accounts.revoke_token(actor.token_id, now)\n        ledger.audit.record(actor",
        "        ledger.audit.record(actor",
        "tests/api/test_pika.py::test_after_signing_out_the_cookie_is_dead",
    ),
    Mutation(
        "scopes are demanded",
        "flows/access.py",
        "if scope not in actor.scopes:",
        "if False:",
        "tests/api/test_bika.py::test_a_read_only_token_may_not_write",
    ),
    Mutation(
        "a cookie's login and secret belong together",
        "flows/session.py",
        "if login.lower() not in (actor.user.login.lower(), actor.user.email.lower()):",
        "if False:",
        "tests/api/test_pika.py::test_a_good_secret_under_another_login_is_a_bad_cookie",
    ),
    Mutation(
        "pika files are their owner's",
        "flows/serve.py",
        "upload.user_id == actor.user.number",
        "True",
        "tests/api/test_pika.py::test_a_file_is_served_to_its_owner_only",
    ),
    Mutation(
        "attachments stay in their space",
        "adapters/db/files.py",
        '    uploads.c.space_id == bindparam("space_id"), uploads.c.public_id.in_',
        '    bindparam("space_id") == bindparam("space_id"), uploads.c.public_id.in_',
        "tests/api/test_bika.py::test_an_attachment_of_another_space_does_not_exist_here",
    ),
    Mutation(
        "signed links open their own file",
        f"{WEB}/links.py",
        'message = f"file\\n{path}\\n{recipe}\\n{expires}".encode()',
        'message = b"file"',
        "tests/api/test_bika.py::test_a_signed_link_opens_its_own_file_only",
    ),
    Mutation(
        "signed links end",
        f"{WEB}/links.py",
        " and now < int(expires)",
        "",
        "tests/unit/test_links.py::test_a_signed_link_ends",
    ),
    Mutation(
        "rate limits",
        "adapters/limits.py",
        "        if left < 0:\n",
        "        if False:\n",
        "tests/api/test_rate_limits.py::test_too_many_requests_are_told_in_each_dialect",
    ),
    # ── what goes out ────────────────────────────────────────────────────────────────────────────────────────────
    Mutation(
        "nosniff",
        f"{WEB}/bytes.py",
        '    (b"x-content-type-options", b"nosniff"),\n',
        "",
        "tests/api/test_bika.py::test_a_file_is_served_safely",
    ),
    Mutation(
        "sandbox",
        f"{WEB}/bytes.py",
        '    (b"content-security-policy", b"default-src \'none\'; sandbox"),\n',
        "",
        "tests/api/test_bika.py::test_a_file_is_served_safely",
    ),
    Mutation(
        "no embedding by other sites",
        f"{WEB}/bytes.py",
        '    (b"cross-origin-resource-policy", b"same-origin"),\n',
        "",
        "tests/api/test_bika.py::test_a_file_is_served_safely",
    ),
    Mutation(
        "what can carry scripts is octets",
        f"{WEB}/bytes.py",
        "return _OCTETS if _is_active(mime) else mime",
        "return mime",
        "tests/unit/test_serving.py::test_what_can_carry_scripts_goes_out_as_octets_to_be_saved",
    ),
    Mutation(
        "names do not break out of headers",
        f"{WEB}/bytes.py",
        'clean = _CONTROLS.sub("", name)',
        "clean = name",
        "tests/property/test_ranges.py::test_a_name_never_breaks_out_of_its_header_and_comes_back",
    ),
    Mutation(
        "number of ranges",
        f"{WEB}/bytes.py",
        "return merged if len(merged) <= MAX_RANGES else None",
        "return merged",
        "tests/unit/test_serving.py::test_more_ranges_than_allowed_are_the_whole_file",
    ),
    Mutation(
        "links carry the configured address",
        f"{WEB}/links.py",
        'return f"{self.site_url}{SIGNED_PREFIX}',
        'return f"http://evil.example{SIGNED_PREFIX}',
        "tests/api/test_security_controls.py::test_a_foreign_host_is_in_no_link",
    ),
    # ── where bytes lie ──────────────────────────────────────────────────────────────────────────────────────────
    Mutation(
        "files are private",
        f"{BLOBS}/local.py",
        "_FILE_MODE = 0o600",
        "_FILE_MODE = 0o644",
        "tests/unit/test_local_blobs.py::test_an_object_is_a_private_file_and_nothing_else_is_left",
    ),
    Mutation(
        "planted links are not followed",
        f"{BLOBS}/local.py",
        "_READ = os.O_RDONLY | os.O_NOFOLLOW",
        "_READ = os.O_RDONLY",
        "tests/unit/test_local_blobs.py::test_a_planted_link_is_not_read",
    ),
    Mutation(
        "planted links are not sent by the server either",
        f"{WEB}/bytes.py",
        "if not stat.S_ISREG(found.st_mode):",
        "if False:",
        "tests/unit/test_serving.py::test_a_planted_link_is_not_sent_by_the_server",
    ),
    Mutation(
        "one choke point for keys",
        f"{BLOBS}/keys.py",
        "return _KEY.fullmatch(text) is not None",
        "return True",
        "tests/contract/test_blob_store.py::test_every_method_refuses_every_bad_key",
    ),
    Mutation(
        "bytes are synced before their name",
        f"{BLOBS}/local.py",
        "                os.fsync(draft.fd)\n            _give_names",
        "                pass\n            _give_names",
        "tests/crash/test_sync_order.py::test_every_byte_and_name_is_on_the_disk_before_the_answer",
    ),
    Mutation(
        "the folder is synced before the answer",
        f"{BLOBS}/local.py",
        "                os.fsync(folder)\n            finally",
        "                pass\n            finally",
        "tests/crash/test_sync_order.py::test_every_byte_and_name_is_on_the_disk_before_the_answer",
    ),
    # ── encryption at rest ───────────────────────────────────────────────────────────────────────────────────────
    Mutation(
        "the nonce says which chunk",
        f"{BLOBS}/sealing.py",
        'return index.to_bytes(11, "big")',
        "return bytes(11)",
        "tests/property/test_sealed.py::test_chunks_that_changed_places_do_not_open",
    ),
    Mutation(
        "the nonce says which chunk is the last",
        f"{BLOBS}/sealing.py",
        'b"\\1" if index == self._last else b"\\0"',
        'b"\\0"',
        "tests/property/test_sealed.py::test_the_last_chunk_is_known_as_the_last",
    ),
    Mutation(
        "an object is bound to its place",
        f"{BLOBS}/sealing.py",
        "self._bound = header.pack() + place.encode()",
        "self._bound = header.pack()",
        "tests/property/test_sealed.py::test_an_object_under_the_key_of_another_does_not_open",
    ),
    Mutation(
        "an object is bound to its header",
        f"{BLOBS}/sealing.py",
        "self._bound = header.pack() + place.encode()",
        "self._bound = place.encode()",
        "tests/property/test_sealed.py::test_every_chunk_is_bound_to_the_whole_header",
    ),
    Mutation(
        "each object has a key of its own",
        f"{BLOBS}/sealing.py",
        "derive(key.secret, header.salt, _PURPOSE, KEY_BYTES)",
        'derive(key.secret, b"", _PURPOSE, KEY_BYTES)',
        "tests/property/test_sealed.py::test_no_two_objects_have_one_key_and_equal_bytes_do_not_look_alike",
    ),
    Mutation(
        "plain objects are refused",
        f"{BLOBS}/sealed.py",
        "if not self._plain_too:\n            raise",
        "if False:\n            raise",
        "tests/integration/test_key_rotation.py::test_a_plain_file_in_the_place_of_a_sealed_one_is_refused",
    ),
    Mutation(
        "a rotation compares plain files with their rows",
        f"{BLOBS}/sealed.py",
        "if digest.hexdigest() != sha256:",
        "if False:",
        "tests/integration/test_key_rotation.py::test_a_plain_file_that_is_not_what_its_row_says_is_not_sealed",
    ),
    Mutation(
        "a reader that meets a rotation looks again",
        f"{BLOBS}/sealed.py",
        "_LOOKS = 3",
        "_LOOKS = 1",
        "tests/integration/test_key_rotation.py::test_a_reader_that_meets_the_change_looks_again",
    ),
    Mutation(
        "bytes after the last chunk are noticed",
        f"{BLOBS}/sealed.py",
        "if index > last and await pieces.has_more():",
        "if False:",
        "tests/property/test_sealed.py::test_bytes_that_were_added_are_noticed_and_never_read",
    ),
    Mutation(
        "no start without the key",
        "bootstrap.py",
        "    elif has_probe:\n",
        "    elif False:\n",
        "tests/integration/test_key_rotation.py::test_without_the_right_key_there_is_no_start",
    ),
    # ── records and their cells ──────────────────────────────────────────────────────────────────────────────────
    Mutation(
        "members are looked up within the space",
        "adapters/db/spaces.py",
        'members.c.space_id == bindparam("space_id"), members.c.public_id.in_',
        "members.c.space_id > 0, members.c.public_id.in_",
        "tests/contract/test_ledger.py::test_people_are_known_as_members_and_as_users",
    ),
    Mutation(
        "links are looked up in the linked database",
        "adapters/db/records.py",
        '        nodes.c.public_id == bindparam("database_id"),\n',
        "",
        "tests/contract/test_ledger.py::test_records_are_present_in_their_database_and_space_alone",
    ),
    Mutation(
        "links are looked up within the space",
        "adapters/db/records.py",
        '        nodes.c.space_id == bindparam("space_id"),\n',
        "",
        "tests/contract/test_ledger.py::test_records_are_present_in_their_database_and_space_alone",
    ),
    Mutation(
        "several records are found in their own database alone",
        "adapters/db/records.py",
        ', records.c.node_id == bindparam("node_id"))\n    .order_by(records.c.id)\n)\n_FIND_ALL_FOR',
        ")\n    .order_by(records.c.id)\n)\n_FIND_ALL_FOR",
        "tests/api/test_bika_records.py::test_a_record_of_another_database_is_not_deleted_nor_changed",
    ),
    Mutation(
        "a record's history is its own database's",
        "adapters/db/history.py",
        '        history.c.node_id == bindparam("node_id"),\n',
        "",
        "tests/contract/test_ledger.py::test_what_was_done_to_a_record_comes_newest_first_and_outlives_it",
    ),
    Mutation(
        "a computed cell is not written",
        "domain/fieldtypes/kind.py",
        '        raise CellRefused(field.name, value, "the field is read-only")',
        "        return value",
        "tests/api/test_bika_records.py::test_a_computed_cell_is_not_written",
    ),
    Mutation(
        "unknown members are refused",
        "flows/cells.py",
        "            if id not in known and id not in kept:",
        "            if False:",
        "tests/api/test_bika_records.py::test_a_cell_of_type_member",
    ),
    Mutation(
        "the number of ids in a request is limited",
        "flows/cells.py",
        "> MAX_REFERENCES:",
        "> 10**9:",
        "tests/api/test_bika_records.py::test_more_ids_than_a_statement_takes_are_refused",
    ),
    Mutation(
        "JSON is not deeper than it may be",
        "domain/fieldtypes/documents.py",
        "levels > 0 and all(_can_be_kept(each, levels - 1) for each in value)",
        "all(_can_be_kept(each, levels) for each in value)",
        "tests/unit/test_field_types.py::test_a_value_that_does_not_fit_is_refused_by_name",
    ),
    Mutation(
        "JSON is not longer than it may be",
        "domain/fieldtypes/documents.py",
        "if len(_text(value)) > MAX_JSON_LENGTH:",
        "if False:",
        "tests/unit/test_field_types.py::test_a_value_that_does_not_fit_is_refused_by_name",
    ),
    Mutation(
        "NUL characters are not kept in JSON",
        "domain/fieldtypes/documents.py",
        'return "\\x00" not in value',
        "return True",
        "tests/unit/test_field_types.py::test_a_value_that_does_not_fit_is_refused_by_name",
    ),
    Mutation(
        "a cell has a bounded number of ids",
        "domain/fieldtypes/ties.py",
        'or len(value) > MAX_ITEMS:\n        raise refuse(field, value, f"list of at most {MAX_ITEMS} ids',
        'or False:\n        raise refuse(field, value, f"list of at most {MAX_ITEMS} ids',
        "tests/unit/test_field_types.py::test_a_value_that_does_not_fit_is_refused_by_name",
    ),
    Mutation(
        "If-Match is looked at",
        "flows/record_writes.py",
        "if revisions is not None and record.revision not in revisions:",
        "if False:",
        "tests/api/test_bika_records.py::test_a_change_is_refused_at_any_other_revision",
    ),
    Mutation(
        "If-Match is no matter of batches",
        "dialects/bika/writing.py",
        '    if "if-match" in request.headers:',
        "    if False:",
        "tests/api/test_bika_records.py::test_if_match_is_no_matter_of_batches",
    ),
    Mutation(
        "a repeated write is done once",
        "flows/once.py",
        "        return [str(id) for id in claim.answer]\n\n    async def run",
        "        return None\n\n    async def run",
        "tests/api/test_bika_records.py::test_a_repeated_write_is_done_once",
    ),
    Mutation(
        "another write with the same key is refused",
        "flows/once.py",
        "        if claim.fingerprint != self._fingerprint:\n            raise KeyReused(self._key)",
        "",
        "tests/api/test_bika_records.py::test_a_repeated_write_is_done_once",
    ),
    Mutation(
        "a batch has a bounded number of items",
        "dialects/bika/writing.py",
        "not 1 <= len(items) <= MAX_BATCH",
        "not 1 <= len(items)",
        "tests/api/test_bika_records.py::test_a_batch_has_one_to_ten_items",
    ),
    Mutation(
        "a change is kept in the history",
        "flows/record_writes.py",
        "    deeds = [update(before, after) for before, after in both]\n",
        "    deeds = []\n",
        "tests/api/test_bika_records.py::test_the_history_of_a_record_tells_who_changed_what_when",
    ),
    Mutation(
        "a deletion is kept in the history",
        "flows/record_writes.py",
        "deeds, now = [deletion(record) for record in records], services",
        "deeds, now = [], services",
        "tests/api/test_bika_records.py::test_the_history_of_a_record_tells_who_changed_what_when",
    ),
    Mutation(
        "what leads back follows what is added",
        "flows/back_links.py",
        "                turn.added.setdefault(added, []).append(id)",
        "                pass",
        "tests/api/test_bika_records.py::test_a_cell_of_type_link",
    ),
    Mutation(
        "what leads back follows what is dropped",
        "flows/back_links.py",
        "                turn.dropped.setdefault(dropped, []).append(id)",
        "                pass",
        "tests/api/test_bika_records.py::test_a_cell_of_type_link",
    ),
    Mutation(
        "an answer looks into a bounded number of records",
        "flows/beside.py",
        "> MAX_LOOKED_UP:",
        "> 10**9:",
        "tests/contract/test_beside.py::test_no_answer_looks_into_more_records_than_it_may",
    ),
    Mutation(
        "a deleted record is linked to no more",
        "flows/record_writes.py",
        "        keep_in_step(\n            ledger, space, database, [(record.id, record.cells, {})",
        "        keep_in_step(\n            ledger, space, database, [(record.id, {}, {})",
        "tests/api/test_bika_records.py::test_a_cell_of_type_link",
    ),
    Mutation(
        "a missing record of a batch refuses all of it",
        "flows/record_writes.py",
        '            raise Missing("record", id)\n    return [found[id] for id in ids]\n\n\ndef _check',
        "            continue\n    return [found[id] for id in ids if id in found]\n\n\ndef _check",
        "tests/api/test_bika_records.py::test_v2_deletes_several_records",
    ),
    Mutation(
        "a zone is one that there is",
        "dialects/bika/asking.py",
        "    if zone is None:\n        raise",
        "    if False:\n        raise",
        "tests/api/test_bika_records.py::test_a_zone_or_locale_that_there_is_not_is_refused",
    ),
    # ── deletion ─────────────────────────────────────────────────────────────────────────────────────────────────
    Mutation(
        "a deleted file is out of links",
        "adapters/db/files.py",
        'bindparam("path"), _is_there)',
        'bindparam("path"))',
        "tests/api/test_uploads.py::test_a_deleted_file_is_nowhere_and_comes_back_to_where_it_was",
    ),
    Mutation(
        "a deleted file is out of cells",
        "adapters/db/records.py",
        ", uploads.c.deleted_at.is_(None))",
        ")",
        "tests/api/test_uploads.py::test_a_deleted_file_is_nowhere_and_comes_back_to_where_it_was",
    ),
    Mutation(
        "a deleted file has its grace",
        "flows/sweep.py",
        "now - services.delete_grace",
        "now",
        "tests/api/test_uploads.py::test_within_the_grace_a_sweep_takes_nothing",
    ),
    Mutation(
        "content that a sweep took is stored anew",
        "flows/keep.py",
        "    except BlobGone:",
        "    except ZeroDivisionError:",
        "tests/integration/test_flow_faults.py::test_content_that_goes_away_under_an_upload_is_stored_anew",
    ),
]


def main(words: list[str]) -> int:
    """Try them; returns how many were not noticed."""
    chosen = [one for one in MUTATIONS if not words or any(word in f"{one.control} {one.module}" for word in words)]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "holdall"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", ".bench", ".data", "__pycache__"))
        return sum(_is_unnoticed(copy, mutation) for mutation in chosen)


def _is_unnoticed(copy: Path, mutation: Mutation) -> bool:
    path = copy / "src" / "holdall" / mutation.module
    source = path.read_text()
    if mutation.old not in source:
        print(f"MOVED     {mutation.control}: {mutation.module}", flush=True)
        return True
    path.write_text(source.replace(mutation.old, mutation.new))
    try:
        is_noticed = _fails(copy, mutation.test)
    finally:
        path.write_text(source)
    print(f"{'noticed  ' if is_noticed else 'UNNOTICED'} {mutation.control}: {mutation.test}", flush=True)
    return not is_noticed


def _fails(copy: Path, test: str) -> bool:
    """Whether the test runs, and fails."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test]
    environ = os.environ | {"PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1", "CRASH_ROUNDS": "5"}
    try:
        done = subprocess.run(command, cwd=copy, env=environ, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode == 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
