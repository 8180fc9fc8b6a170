"""Does a provider behave? Checks for yours and ours, each an async function with a speaking name.

    from voiced.testing.conformance.agents import AGENT_CHECKS

    @pytest.mark.parametrize("check", AGENT_CHECKS, ids=lambda check: check.__name__)
    async def test_my_agent_conforms(check):
        async with MyAgent.open(MyAgent.Settings()) as agent:
            await check(agent)

A check raises AssertionError with what was wrong. None needs a clock, a call or a network of its
own: they run on Trio's virtual clock as well as over real sockets.
"""
