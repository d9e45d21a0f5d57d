"""Why a webhook is refused. No error names the expected signature, or a secret."""

from domain.errors import CasetrailError


class SignatureRefused(CasetrailError):
    """The webhook is not proven to come from its sender."""

    explanation = "Nothing was stored. `detail` says which header is wrong, and what to do."


class SignatureMissing(SignatureRefused):
    """The webhook has no signature."""

    explanation = (
        "Nothing was stored. `detail` names the header. Give the webhook a secret at the sender, check that the "
        "scheme of the source is the sender's, and that no proxy removes the header."
    )


class SignatureWrong(SignatureRefused):
    """The signature of the webhook does not fit."""

    explanation = (
        "Nothing was stored. `detail` names the header. Compare the secret of the source with the sender's, and "
        "check that no proxy changes the body on the way: the signature is of its exact bytes."
    )


class SignatureTooOld(SignatureRefused):
    """The webhook was signed too long ago, or in the future."""

    explanation = (
        "Nothing was stored. The signature is right, and its time too far from ours. Each attempt is "
        "signed again: let the sender send the webhook once more, and check the clocks of both machines."
    )
