return "init.lua"
