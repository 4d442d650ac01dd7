#!lua
-- leave.lua - says goodbye, so nobody counts a router that has gone.
--
-- ARGV: gen router
-- Reply: {"OK"} | {"GEN"}
local router = arg_word(2, 'router')
if not begin(ARGV[1]) then
    return {'GEN'}
end
touch()
if redis.call('ZSCORE', base .. 'routers', router) then
    forget_router(router, 'leave')
end
return {'OK'}
