// An ordinary program of ASP.NET Core. It references no package of the gateway, reads none of its headers and repeats nothing.
var builder = WebApplication.CreateBuilder(args);
foreach (var partner in new[] { "Payments", "Shipping", "Mails" })
    builder.Services.AddHttpClient(partner, client => client.BaseAddress = new Uri(builder.Configuration[$"Partners:{partner}"]!));

var app = builder.Build();

app.MapPost("/orders", async (Order order, IHttpClientFactory partners) =>
{
    var charge = await PostAsync<Charge>("Payments", "charges", new { order.Number, order.Amount });
    var label = await PostAsync<Label>("Shipping", "labels", new { order.Number });
    await PostAsync<Mail>("Mails", "mails", new { order.Number, Text = $"Your parcel is {label.Tracking}." });
    return Results.Ok(new { Order = order.Number, Charge = charge.Id, label.Tracking });

    async Task<T> PostAsync<T>(string partner, string path, object body)
    {
        using var response = await partners.CreateClient(partner).PostAsJsonAsync(path, body);
        response.EnsureSuccessStatusCode();
        return (await response.Content.ReadFromJsonAsync<T>())!;
    }
});

app.Run();

internal sealed record Order(int Number, decimal Amount);

internal sealed record Charge(string Id);

internal sealed record Label(string Tracking);

internal sealed record Mail(string Id);
