import Rollcall
