return { name = "old.lua" }
