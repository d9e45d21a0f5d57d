"""Bugs in the verification of webhooks."""

from __future__ import annotations

from tests.proofs.planted_bugs import Bug

VERIFICATION = "infrastructure/webhooks/verification.py"
ITEMS = "infrastructure/webhooks/adyen_items.py"
KEYS = "infrastructure/webhooks/keys.py"
TIMES = "infrastructure/webhooks/signed_times.py"
NAMES = "infrastructure/webhooks/sender_names.py"
SCHEMES = "domain/sources/signature_schemes.py"
WRONG = "tests/webhooks/test_wrong_signatures.py"
GOOD = "tests/webhooks/test_good_signatures.py"
ADYEN = "tests/webhooks/test_adyen_items.py"

WEBHOOK_BUGS = (
    Bug(
        "a signed time has no limit",
        TIMES,
        "    if abs(distance) > timedelta(seconds=tolerance):\n",
        "    if abs(distance) > timedelta(seconds=tolerance) * 10**6:\n",
        f"{WRONG}::test_a_time_too_long_ago_or_in_the_future",
    ),
    Bug(
        "a signed time in the future is accepted",
        TIMES,
        "    if abs(distance) > timedelta(seconds=tolerance):\n",
        "    if distance > timedelta(seconds=tolerance):\n",
        f"{WRONG}::test_a_time_too_long_ago_or_in_the_future",
    ),
    Bug(
        "only the first item of a notification must be signed",
        ITEMS,
        "for number, item in enumerate(items, start=1))",
        "for number, item in enumerate(items[:1], start=1))",
        f"{ADYEN}::test_every_item_must_be_signed",
    ),
    Bug(
        "a notification without items needs no signature",
        ITEMS,
        "    if not items or not all(",
        "    if not all(",
        f"{ADYEN}::test_a_body_without_items_is_no_notification",
    ),
    Bug(
        "a notification of two accounts names none",
        ITEMS,
        "    if len(found) == 1:\n        return found[0]\n",
        '    if len(found) > 0:\n        return found[0] if len(found) == 1 else ""\n',
        f"{ADYEN}::test_the_shop_is_that_of_all_items_or_no_single_one",
    ),
    Bug(
        "a part of a signed value can be moved into its neighbour",
        ITEMS,
        '(":" not in value or name == "merchantReference")',
        '(":" not in value or name != "")',
        f"{ADYEN}::test_no_part_of_a_value_can_be_moved_into_its_neighbour",
    ),
    Bug(
        "a signed value passes as another type",
        ITEMS,
        "        return type(value) is int\n",
        "        return isinstance(value, str | int | float)\n",
        f"{ADYEN}::test_a_value_of_another_type_with_the_same_text",
    ),
    Bug(
        "an empty secret is a key",
        SCHEMES,
        "    if not key:\n",
        '    if not key and secret == "-":\n',
        f"{WRONG}::test_an_empty_secret_fits_nothing",
    ),
    Bug(
        "the prefix of a signature is not required",
        VERIFICATION,
        "if same(given, prefix + encode(",
        "if same(given.removeprefix(scheme.prefix), encode(",
        f"{WRONG}::test_the_prefix_is_required",
    ),
    Bug(
        "the body is decoded and encoded again before it is compared",
        VERIFICATION,
        "        return (body,)\n",
        '        return (body.decode("utf-8-sig", "ignore").encode(),)\n',
        f"{WRONG}::test_another_body",
    ),
    Bug(
        "a signature is compared without regard to case",
        KEYS,
        "    return hmac.compare_digest(wire_bytes(given), expected)\n",
        "    return hmac.compare_digest(wire_bytes(given).lower(), expected.lower())\n",
        f"{WRONG}::test_a_signature_that_is_written_otherwise",
    ),
    Bug(
        "a secret stays valid after it was retired",
        KEYS,
        "    for index, secret in enumerate(secrets):\n",
        '    ever: list[str] = globals().setdefault("ever", [])\n'
        "    ever += secrets\n"
        "    for index, secret in enumerate(ever):\n",
        f"{WRONG}::test_another_secret_or_one_that_is_no_longer_valid",
    ),
    Bug(
        "a public key signs an HMAC",
        KEYS,
        '        is_public = isinstance(scheme, StandardWebhooks) and secret.startswith("whpk_")\n',
        "        is_public = False\n",
        f"{WRONG}::test_a_public_key_is_never_the_key_of_an_hmac",
    ),
    Bug(
        "a signature of an old version is accepted",
        VERIFICATION,
        'for key, _, value in pairs if key == "v1"]',
        'for key, _, value in pairs if key in ("v0", "v1")]',
        f"{WRONG}::test_stripe_without_a_signature_of_version_1",
    ),
    Bug(
        "a time is told wrong before the signature is known to be right",
        VERIFICATION,
        '    message = (wire_bytes(times[0]), b".", request.body)\n',
        '    check_time(read_time(times[0], "seconds", name), now, scheme.tolerance, name)\n'
        '    message = (wire_bytes(times[0]), b".", request.body)\n',
        f"{WRONG}::test_a_wrong_signature_is_told_before_a_wrong_time",
    ),
    Bug(
        "two orders of one second are one delivery of WooCommerce",
        NAMES,
        '    WooCommerce: Places(topic="X-WC-Webhook-Topic"',
        '    WooCommerce: Places(delivery="X-WC-Webhook-Delivery-ID", topic="X-WC-Webhook-Topic"',
        f"{GOOD}::test_two_orders_of_one_second_are_two_deliveries_of_woocommerce",
    ),
)
