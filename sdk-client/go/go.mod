module durable-gateway.example/durable

go 1.19
