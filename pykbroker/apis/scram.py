"""DescribeUserScramCredentials (50), AlterUserScramCredentials (51): what users log in with by SCRAM (KIP-554).

Both: v0 only. Credentials are stored and described; nobody is authenticated with them yet.
"""

from __future__ import annotations

from pykbroker import errors
from pykbroker.apis.context import Context
from pykbroker.metadata import scram
from pykbroker.metadata.scram import Alteration, ScramDeletion, ScramUpsertion
from pykbroker.wire.messages.alter_user_scram_credentials import (
    AlterUserScramCredentialsRequest,
    AlterUserScramCredentialsResponse,
    AlterUserScramCredentialsResult,
)
from pykbroker.wire.messages.describe_user_scram_credentials import (
    CredentialInfo,
    DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse,
    DescribeUserScramCredentialsResult,
)


def describe_user_scram_credentials(
    ctx: Context, request: DescribeUserScramCredentialsRequest
) -> DescribeUserScramCredentialsResponse:
    """List mechanisms and iterations of the named users, or (none named) of all."""
    response = DescribeUserScramCredentialsResponse()
    for described in scram.describe(ctx.services.image, [user.name for user in request.users or ()]):
        result = DescribeUserScramCredentialsResult(user=described.user)
        if described.error is not None:
            result.error_code, result.error_message = described.error.code, described.error.message
        result.credential_infos = [CredentialInfo(mechanism=m, iterations=i) for m, i in described.credentials]
        response.results.append(result)
    return response


def alter_user_scram_credentials(
    ctx: Context, request: AlterUserScramCredentialsRequest
) -> AlterUserScramCredentialsResponse:
    """Set and delete credentials, one per user and request."""
    wanted: list[Alteration] = [ScramDeletion(each.name, each.mechanism) for each in request.deletions]
    wanted += [
        ScramUpsertion(each.name, each.mechanism, each.iterations, each.salt, each.salted_password)
        for each in request.upsertions
    ]
    results = ctx.services.controller.decide(lambda image: scram.alter(image, wanted))
    return AlterUserScramCredentialsResponse(
        results=[
            AlterUserScramCredentialsResult(
                user=result.user,
                error_code=errors.NONE if result.error is None else result.error.code,
                error_message=None if result.error is None else result.error.message,
            )
            for result in results
        ]
    )
