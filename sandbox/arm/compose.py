"""The whole local ARM from a world: context, providers, dispatcher, application."""

from collections.abc import Callable, Sequence

from aiohttp import web

from sandbox.arm.authorization import Authorization
from sandbox.arm.cognitive.deleted import bury_group
from sandbox.arm.cognitive.provider import CognitiveServices
from sandbox.arm.front_door import Options
from sandbox.arm.provider import Context, Provider
from sandbox.arm.resources import Resources
from sandbox.arm.server import FRONT_DOOR, create_app
from sandbox.world import World, populate

type MakeProvider = Callable[[Context], Provider]


def arm_app(
    world: World,
    *,
    options: Options | None = None,
    extra: Sequence[MakeProvider] = (),
    context: Context | None = None,
) -> web.Application:
    """An application that holds ``world``; ``extra`` makes further providers on its context.

    Microsoft.ApiManagement must be among ``extra`` for a world with gateways.
    """
    context = context or Context()
    providers: list[Provider] = [
        CognitiveServices(context, world.catalogue(), world.quotas),
        Authorization(context),
        *(make(context) for make in extra),
    ]
    resources = Resources(
        context,
        world.tenant,
        neighbours=providers,
        before_group_delete=lambda group_id: bury_group(context, group_id),
    )
    app = create_app(context, [resources, *providers], options)
    populate(world, app[FRONT_DOOR].dispatcher)
    return app
