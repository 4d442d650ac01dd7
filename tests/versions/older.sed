# common.lua of a version that knew neither recovery ramps nor second opinions, and did not say why
# a key cools: it keeps nothing of them, and its lines end where they began.  It sums nothing up.
/^    local doubt = /d
/^    local ramp = /d
/^    local cools = /d
/^    if doubt or ramp > 0 or /,/^    end$/d
s/ - #cools - 1$/ - 1/
s/ .. tail .. cools$/ .. tail/
s/ramp = whole(h\[23\]) or 0, doubt = whole(h\[24\]) or 0, dtok = h\[25\] or ''/ramp = 0, doubt = 0, dtok = ''/
/'fgen', r\.fgen,$/s/,$/)/
/^        'ramp', text(r\.ramp), 'doubt'/d
/^    local sum = digest(/,/'sum', gen /d
s/^    local summed = .*/    local summed = false/
