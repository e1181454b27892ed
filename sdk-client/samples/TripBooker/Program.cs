using DurableGateway.Client;
using TripBooker;

var builder = WebApplication.CreateBuilder(args);
builder.Logging.ClearProviders();
builder.WebHost.UseUrls(builder.Configuration["urls"] ?? Ports.UrlOf(5000));
builder.Services.AddDurableSteps();

await using var app = builder.Build();

// An ordinary handler. Each part with an effect is a step: after the step has completed, no retry executes it again.
app.MapPost("/booking", async (Trip trip, IStep step) =>
{
    var flight = await step.RunAsync("search", ct => Airline.SearchAsync(trip, ct));
    var seat = await step.RunAsync("reserve", ct => Airline.ReserveAsync(flight, step.Run, ct));
    var payment = await step.RunAsync("pay", ct => Airline.PayAsync(flight, ct));
    var ticket = await step.RunAsync("confirm", ct => Airline.ConfirmAsync(seat, payment, ct));
    return Results.Ok(new { ticket.Number, flight.From, flight.To, seat.Row, Paid = payment.Amount });
}).WithDurableSteps();

try
{
    await app.StartAsync();
}
catch (IOException e)
{
    Console.Error.WriteLine($"The service cannot listen: {e.Message} Choose another address, such as --urls http://localhost:5010.");
    return 1;
}

if (builder.Configuration["gateway"] == "none")
{
    // A gateway already runs in front of the service: see config/compose.
    await app.WaitForShutdownAsync();
    return 0;
}

var service = Ports.Reachable(app.Urls.First());
await using var gateway = GatewayInFront.Start(service);
if (await gateway.IsReadyAsync())
{
    Console.WriteLine($$"""

        The gateway listens at {{gateway.Public}}, the service behind it at {{service}}. Book a trip in another terminal:

          curl -L -H 'Content-Type: application/json' -d '{"from":"BER","to":"LIS"}' {{gateway.Public}}/booking

        """);
}

await Task.WhenAny(app.WaitForShutdownAsync(), gateway.Exited);
return gateway.ExitCode;
