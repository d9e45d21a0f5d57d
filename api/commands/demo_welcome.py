"""The text that a demonstration prints when it has started."""

from collections.abc import Mapping

from domain.people import Role


def welcome_text(
    url: str,
    payments: str,
    tokens: Mapping[str, str],
    roles: Mapping[str, Role],
    where: str,
    agent: str,
) -> str:
    """The text; `where` is the option that names its home, `agent` is ana's agent."""
    me = tokens["ana"]
    sign_in = f"python3 run.py {where}demo-issuer token ana"
    others = "\n".join(
        f"  {name:<7}{roles[name]:<19}{token}" for name, token in tokens.items() if name != "ana"
    )
    return f"""
casetrail is running. An order arrives every second; every third one has a problem.

  Console          {url}/#{me}
  API              {url}/docs
  Health           {url}/readyz
  Refunds given    {payments}/statement

You are ana, an exception specialist. Try:

  export TOKEN={me}
  curl -s -H "Authorization: Bearer $TOKEN" {url}/v1/queues
  curl -s -H "Authorization: Bearer $TOKEN" -X POST {url}/v1/queues/payment_hold_review/claim-next
  curl -s -H "Authorization: Bearer $TOKEN" "{url}/v1/cases?owner=ana"
  curl -s -H "Authorization: Bearer $TOKEN" {url}/v1/cases/CASE_ID/trail

A refund needs four people: ana proposes, omar approves, fay pays, finn finds it on the provider's
statement. Claim a case; CASE_ID is the `id` in the answer. The packet has the facts of its order:

  curl -s -H "Authorization: Bearer $TOKEN" -X POST {url}/v1/queues/refund_validation/claim-next
  CASE=CASE_ID
  curl -s -H "Authorization: Bearer $TOKEN" {url}/v1/cases/$CASE/packet |
    grep -oE '"(payment.captured|charge.currency)","value":"[^"]*"' | sort -u

AMOUNT is at most `payment.captured` and CURRENCY is `charge.currency`. Each answer has, near its start, the
`version` that the next step needs as VERSION. Near the end of the second answer, `adjustments` has
the ID (`id`) and the DIGEST (`digest`):

  act() {{ curl -s -H "Authorization: Bearer $1" -H "If-Match: \\"$2\\"" -H "Idempotency-Key: $RANDOM" \\
    -H "Content-Type: application/json" -d "$4" {url}/v1/cases/$CASE/adjustments$3; }}
  act $TOKEN VERSION "" '{{"kind": "partial_refund", "reason": "damaged",
    "amount": {{"amount": "AMOUNT", "currency": "CURRENCY"}}}}'
  act {tokens["omar"]} VERSION /ID/approve '{{"digest": "DIGEST"}}'
  act {tokens["fay"]} VERSION /ID/execute '{{"digest": "DIGEST"}}'
  CASETRAIL_URL={url} CASETRAIL_TOKEN={tokens["finn"]} \\
    python3 run.py adjustments reconcile

Sign in with an access token (OIDC) of the demonstration's own issuer, as ana and as her agent:

  curl -s -H "Authorization: Bearer $({sign_in})" {url}/v1/me
  curl -s -H "Authorization: Bearer $({sign_in} --actor {agent})" {url}/v1/me

The other people, with their roles and tokens:

{others}

Stop with Ctrl-C; `python3 run.py demo` continues with the same data.
"""
