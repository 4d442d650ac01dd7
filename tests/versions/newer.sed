# common.lua of a version to come: its lines say more, and so does what it keeps.
/^    if doubt or ramp > 0 or /,/^    end$/c\
    tail = tail .. string.format(' %.0f %d', ramp, doubt and 1 or 0)
s/ .. tail .. cools$/ .. tail .. (cools ~= '' and cools or ' -') .. string.format(' later=%.0f', now)/
s/ - #cools - 1$/ - 40/
s/'dtok', r\.dtok)/'dtok', r.dtok, 'later', 'yes')/
