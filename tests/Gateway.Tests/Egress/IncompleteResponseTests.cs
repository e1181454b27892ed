using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Egress;

/// <summary>Responses whose end does not come, or cannot be told from a failure.</summary>
public sealed class IncompleteResponseTests
{
    [Fact]
    public async Task TruncatedResponse_IsNotRemembered()
    {
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            try
            {
                using var got = await checkout.CallAsync(context, "10 EUR");
                context.Response.StatusCode = got.IsSuccessStatusCode ? 200 : 503;
                await context.Response.WriteAsync(await got.Content.ReadAsStringAsync());
            }
            catch (HttpRequestException)
            {
                context.Response.StatusCode = 503;
            }
        }, async (context, count) =>
        {
            if (count > 1)
            {
                await context.Response.WriteAsync("whole");
                return;
            }

            context.Response.ContentLength = 5;
            await context.Response.WriteAsync("who");
            await context.Response.Body.FlushAsync();
            context.Abort();
        });

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal("whole", await result.Content.ReadAsStringAsync());
        Assert.Equal(2, checkout.Ledger.Length);
    }

    /// <summary>A process that dies ends its connections as one does that has sent all. A safe call is rather made again.</summary>
    [Theory]
    [InlineData("GET", "HTTP/1.1 200 OK\r\n\r\nbody", "not remembered", 2)]
    [InlineData("GET", "HTTP/1.0 200 OK\r\n\r\nbody", "not remembered", 2)]
    [InlineData("POST", "HTTP/1.1 200 OK\r\n\r\nbody", "remembered", 1)]
    [InlineData("GET", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", null, 1)]
    [InlineData("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", null, 1)]
    [InlineData("GET", "HTTP/1.1 204 No Content\r\n\r\n", null, 1)]
    public async Task ResponseThatEndsWithItsConnection_IsRememberedIfTheCallIsUnsafe_AndTheHistorySaysSo(
        string method, string response, string? noted, int calls)
    {
        await using var raw = new RawService();
        raw.Handler = async (wire, head) =>
        {
            await raw.RecordAsync(wire, head);
            await wire.WriteAsync(response);
            wire.Close();
        };
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            using var request = checkout.Request(context.Request.Headers[Checkout.TraceState], "");
            request.Method = new HttpMethod(method);
            if (method == "GET") request.Content = null;
            using var got = await Checkout.Client.SendAsync(request);
            context.Response.StatusCode = count == 1 ? 503 : 200;
            await context.Response.WriteAsync(await got.Content.ReadAsStringAsync());
        }, null, $"ReverseProxy:Clusters:payments:Destinations:one:Address={raw.Url}");

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal(HttpStatusCode.OK, result.StatusCode);
        Assert.Equal(response.Contains("204", StringComparison.Ordinal) ? "" : "body", await result.Content.ReadAsStringAsync());
        Assert.Equal(calls, raw.Seen.Count);
        if (noted is not null)
        {
            await checkout.NotedAsync(
                $"{noted}: payments {method} /payments/charges: its response has no length, so it may be incomplete");
        }
    }
}
