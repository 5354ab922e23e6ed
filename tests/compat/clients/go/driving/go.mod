module pykbroker/driving

go 1.26
