"""Plausible bugs in sources and their deliveries, and the tests that must catch them."""

from typing import Final

from tests.proofs.planted_bugs import Bug

DESK: Final = "application/sources/delivery_desk.py"
SOURCE: Final = "domain/sources/source.py"
WEBHOOKS: Final = "tests/sources/test_webhooks.py"
EVENTS: Final = "application/sources/delivery_events.py"
RECORDED: Final = "application/sources/recorded_signals.py"
HOSTILE: Final = "tests/sources/test_hostile_deliveries.py"
LOST: Final = "tests/personal/test_lost_secrets.py"
COMMANDS: Final = "tests/sources/test_commands_on_sources.py"

FOLDER: Final = "infrastructure/mappings/watched_folder.py"
FOLDERS: Final = "tests/mappings/test_watched_folder.py"
WATCHING: Final = "tests/cli/test_watched_folder.py"
AGAIN: Final = "tests/sources/test_stated_again.py"
MAY_CHANGE: Final = "        and problem.differing <= {*fields}\n"

MAPPINGS: Final = "application/sources/mapping_desk.py"
GOVERNANCE: Final = "domain/sources/mapping_governance.py"
TWO: Final = "tests/application/test_two_people_change_a_mapping.py"

SOURCE_BUGS: Final = (
    Bug(
        "a delivery is kept twice when it comes twice at one moment",
        DESK,
        "            known = self.kept(asked) if attempt else {}\n",
        "            known = self.kept(asked) if attempt > ATTEMPTS else {}\n",
        f"{WEBHOOKS}::test_one_delivery_at_the_same_moment_is_kept_once",
    ),
    Bug(
        "a secret stays valid after its end",
        SOURCE,
        "return self.until is None or now < self.until",
        "return True",
        f"{WEBHOOKS}::test_two_secrets_are_valid_while_one_is_rotated",
    ),
    Bug(
        "the secret before ends at once",
        SOURCE,
        "until=(until or at) if one.until is None",
        "until=at if one.until is None",
        f"{WEBHOOKS}::test_two_secrets_are_valid_while_one_is_rotated",
    ),
    Bug(
        "a secret that was replaced twice stays valid",
        SOURCE,
        "else min(one.until, at)",
        "else one.until",
        f"{WEBHOOKS}::test_a_secret_that_was_replaced_twice_ends_at_once",
    ),
    Bug(
        "a mapping reads the secret that a sender sends",
        EVENTS,
        "if name != proof and _may_be_read(name)",
        "if name and _may_be_read(name)",
        f"{HOSTILE}::test_what_proves_the_sender_is_neither_read_nor_kept",
    ),
    Bug(
        "headers that hold secrets are kept",
        EVENTS,
        " and not any(word in header for word in _SECRETIVE)",
        "",
        f"{HOSTILE}::test_what_proves_the_sender_is_neither_read_nor_kept",
    ),
    Bug(
        "any text of a body is kept as a topic",
        "infrastructure/mappings/mapping.py",
        " and topic.isprintable() else None",
        " or topic else None",
        f"{HOSTILE}::test_a_topic_is_one_short_line_or_none",
    ),
    Bug(
        "a code with a NUL stops the report of deliveries",
        "infrastructure/mappings/deliveries.py",
        "code=_one_line(one.code)",
        "code=one.code",
        f"{HOSTILE}::test_a_code_with_a_nul_is_listed",
    ),
    Bug(
        "the last of two fields of a form counts",
        "infrastructure/mappings/deliveries.py",
        "values[0] if len(values) == 1 else values",
        "values[-1]",
        f"{HOSTILE}::test_a_field_of_a_form_that_comes_twice_is_a_list",
    ),
    Bug(
        "the last of two values of a query counts",
        "api/routes/webhooks.py",
        '", ".join(map(str, values))',
        "str(values[-1])",
        f"{HOSTILE}::test_no_value_of_a_query_hides_another_one",
    ),
    Bug(
        "a sender whose secret was lost is told that it is wrong",
        "api/source_desks.py",
        "        if None in secrets:",
        "        if not secrets:",
        f"{LOST}::test_a_sender_whose_secret_was_lost_is_asked_to_wait",
    ),
    Bug(
        "a secret is put into a store that was lost",
        "infrastructure/source_secrets.py",
        "        run_blocking(self._require_store)\n        name = _PREFIX",
        "        name = _PREFIX",
        f"{LOST}::test_no_secret_is_put_into_a_store_that_was_lost",
    ),
    Bug(
        "the doctor looks for no secret",
        "infrastructure/doctor/source_secrets.py",
        "store.stamp(one.name) is None for one",
        "store.stamp(one.name) == () for one",
        f"{LOST}::test_a_sender_whose_secret_was_lost_is_asked_to_wait",
    ),
    Bug(
        "an error repeats a secret",
        "domain/texts.py",
        '"secret": True',
        '"secret": False',
        f"{COMMANDS}::test_no_error_repeats_a_secret",
    ),
    Bug(
        "the shop is never compared",
        "domain/sources/signature_schemes.py",
        '        return scheme.signed == "items"\n    return isinstance(scheme, Shopify | ',
        '        return scheme.signed == "items"\n    return isinstance(scheme, Hmac | Shopify | ',
        f"{COMMANDS}::test_a_shop_that_no_delivery_names",
    ),
    Bug(
        "a delivery of another shop is read",
        DESK,
        "        if own and shop is not None and shop.casefold() != own.casefold():\n",
        "        if False:\n",
        f"{WEBHOOKS}::test_another_shop_of_the_same_app_is_kept_unread",
    ),
    Bug(
        "a delivery that names no shop is read",
        DESK,
        'verified.shop or ""',
        "verified.shop",
        f"{WEBHOOKS}::test_another_shop_of_the_same_app_is_kept_unread",
    ),
    Bug(
        "a delivery of another shop is read the second time",
        "application/sources/delivery_events.py",
        "beside.place, beside.shop)",
        "beside.place)",
        f"{WEBHOOKS}::test_another_shop_of_the_same_app_is_kept_unread",
    ),
    Bug(
        "a paused source is read",
        DESK,
        "        if source.paused_for is not None:\n            # Why",
        "        if source.paused_for == 0:\n            # Why",
        f"{WEBHOOKS}::test_a_paused_source_keeps_what_comes_and_reads_it_afterwards",
    ),
    Bug(
        "an erasure leaves what was delivered",
        "application/log/sealing.py",
        "        rows += [row for line in personal for row in _keys_of_delivery(line, keys)]\n",
        "",
        f"{WEBHOOKS}::test_an_erased_customer_is_not_in_the_deliveries",
    ),
    Bug(
        "a new reading is refused since its signal was recorded",
        "application/sources/deliveries_again.py",
        "if not is_last and (places := _differing(recorded.receipts)):",
        "if is_last and (places := _differing(recorded.receipts)):",
        f"{WEBHOOKS}::test_a_wider_mapping_reads_again_what_was_not_understood_and_records_nothing_twice",
    ),
    Bug(
        "another estimate of a parcel is another scan",
        RECORDED,
        MAY_CHANGE,
        "        and problem.differing < {*fields}\n",
        f"{AGAIN}::test_another_estimate_is_no_other_scan",
    ),
    Bug(
        "whatever a system states again is known",
        RECORDED,
        MAY_CHANGE,
        "",
        f"{AGAIN}::test_another_status_of_a_scan_is_refused_as_before",
    ),
    Bug(
        "the body of a delivery is stored unsealed",
        "domain/sources/deliveries.py",
        "    body: Annotated[str, PERSONAL]\n",
        "    body: str\n",
        f"{WEBHOOKS}::test_an_erased_customer_is_not_in_the_deliveries",
    ),
    Bug(
        "a row that cannot be read is not listed",
        "api/commands/source_files.py",
        "    place = FilePlace(name, part.line, part.fault)\n",
        "    place = FilePlace(name, part.line)\n",
        "tests/cli/test_source_commands.py::test_rows_that_no_format_allows_are_kept_with_file_and_line",
    ),
    Bug(
        "a file that is still being written is read",
        FOLDER,
        "found[name] = (state, since if known == state else now)",
        "found[name] = (state, since)",
        f"{FOLDERS}::test_a_file_is_read_once_it_has_not_changed_for_some_seconds",
    ),
    Bug(
        "a link is followed out of the folder",
        FOLDER,
        "        return _state(found) if stat.S_ISREG(found.st_mode) else None\n",
        "        return _state(os.stat(name, dir_fd=self.folder))\n",
        f"{FOLDERS}::test_unfinished_hidden_and_other_things_are_left",
    ),
    Bug(
        "two watchers read a folder at once",
        FOLDER,
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
        f"{FOLDERS}::test_one_process_at_a_time_reads_a_folder",
    ),
    Bug(
        "a moved file overwrites another one",
        FOLDER,
        "    while _is_there(target, new):\n",
        "    while number < 1:\n",
        f"{FOLDERS}::test_nothing_is_overwritten",
    ),
    Bug(
        "a file that grew while it was read is moved",
        FOLDER,
        "return FileState(found.st_ino, found.st_size, found.st_mtime_ns)",
        "return FileState(found.st_ino, 0, 0)",
        f"{FOLDERS}::test_a_file_that_changed_while_it_was_read_stays",
    ),
    Bug(
        "a file of which the end was not read is done",
        "api/commands/sources/watch.py",
        "is_read = self.is_whole and (self.understood or not self.parts)",
        "is_read = self.understood or not self.parts",
        f"{WATCHING}::test_files_are_read_and_moved_with_the_reasons_beside",
    ),
    Bug(
        "a watcher ends when the database does not answer",
        "api/commands/sources/watch.py",
        "    PersistenceError,\n    PoolTimeout,\n    KeyStoreUnavailable",
        "    KeyStoreUnavailable",
        f"{WATCHING}::test_files_wait_for_a_database_that_is_away",
    ),
    Bug(
        "reasons of a delivery that is known are not said",
        DESK,
        "            reasons = earlier[stream].readable_reasons if first is None else first.reasons\n",
        "            reasons = () if first is None else first.reasons\n",
        f"{WATCHING}::test_a_file_that_comes_again_records_nothing_twice_and_overwrites_nothing",
    ),
    Bug(
        "one person changes the mapping of a source in use",
        MAPPINGS,
        "if not (source.is_used and is_proposed):",
        "if not (source.is_used and not is_proposed):",
        f"{TWO}::test_another_person_approves_the_mapping_of_a_source_in_use",
    ),
    Bug(
        "the first delivery does not bring a source into use",
        DESK,
        "            first = self._sources.first_use(source, pieces[0].stream, now)\n",
        "            first: Sequence[Write] = ()\n",
        "tests/sources/test_mapping_proposals.py::test_two_people_are_needed_from_the_first_delivery_on",
    ),
    Bug(
        "a proposer approves under another name",
        MAPPINGS,
        "            names = self._persons.names_behind(by)\n            unconfirmed",
        "            names = by.names\n            unconfirmed",
        f"{TWO}::test_the_proposer_does_not_approve_under_any_name",
    ),
    Bug(
        "an agent approves a mapping",
        GOVERNANCE,
        "    if by.is_agent or not by.persons:\n",
        "    if not by.persons:\n",
        f"{TWO}::test_an_agent_and_a_part_of_the_service_do_not_approve",
    ),
    Bug(
        "a person without the role approves a mapping",
        MAPPINGS,
        "        self._persons.require_permission(by, _NEEDS)\n",
        "",
        f"{TWO}::test_an_approver_without_the_role_at_that_moment_is_refused",
    ),
    Bug(
        "a void role proposes a mapping",
        MAPPINGS,
        "        return _NEEDS in authority.everywhere\n",
        "        return bool(authority)\n",
        f"{TWO}::test_a_proposal_by_somebody_whose_role_was_void_is_refused",
    ),
    Bug(
        "two names are linked while one approves the other's mapping",
        MAPPINGS,
        "by, lambda source: self._guards(source, by))",
        "by)",
        f"{TWO}::test_a_name_that_is_linked_at_the_same_moment_makes_the_approval_fail",
    ),
    Bug(
        "another document than the one that was seen is approved",
        GOVERNANCE,
        "    if proposal.mapping.digest != digest:\n",
        "    if not digest:\n",
        f"{TWO}::test_only_the_document_that_was_seen_is_approved",
    ),
    Bug(
        "a proposal replaces a document that it was not compared with",
        GOVERNANCE,
        "    if proposal.base != in_use.digest:\n",
        "    if not proposal.base:\n",
        f"{TWO}::test_a_proposal_to_replace_another_document_than_the_one_in_use_is_refused",
    ),
    Bug(
        "the proposer confirms what the operator chose",
        MAPPINGS,
        "                    governance.require_another_person(source.proposal, names)\n                return",
        "                    pass\n                return",
        f"{TWO}::test_what_the_operator_chose_alone_is_not_confirmed_until_a_person_does_so",
    ),
    Bug(
        "what the operator chose alone counts as confirmed",
        SOURCE,
        "is_confirmed=not self.is_used)",
        "is_confirmed=True)",
        f"{TWO}::test_what_the_operator_chose_alone_is_not_confirmed_until_a_person_does_so",
    ),
    Bug(
        "a simulation does not compare the signals",
        MAPPINGS,
        "    if after.reasons and not before.reasons:\n        return Difference.NO_LONGER_UNDERSTOOD\n",
        "",
        "tests/sources/test_mapping_proposals.py::test_a_proposal_shows_what_it_would_change_without_what_was_delivered",
    ),
)
