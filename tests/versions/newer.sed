# common.lua of a version to come: its lines say more, and so does what it keeps.
/^    if doubt or ramp > 0 then$/,/^    end$/c\
    tail = tail .. string.format(' %.0f %d later=%.0f', ramp, doubt and 1 or 0, now)
s/'dtok', r\.dtok)/'dtok', r.dtok, 'later', 'yes')/
