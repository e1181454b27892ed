using System.Net;
using System.Net.Security;
using DurableGateway.Configuration;

namespace DurableGateway.Cli;

/// <summary>
/// <c>gateway healthcheck [--ready] [--url &lt;control address&gt;]</c>: probes a running gateway, for images without a shell and curl.
/// The default for <c>--url</c> is the gateway on this machine, at the port from the same configuration.
/// </summary>
internal static class HealthCheck
{
    public const string Command = "healthcheck";

    /// <summary>Shorter than the ten seconds that the image allows, so that the command can still print the reason.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    /// <returns>The exit status: 0 if the gateway is alive (with <c>--ready</c>: ready), otherwise 1.</returns>
    public static async Task<int> RunAsync(string[] args, TextWriter output)
    {
        try
        {
            var line = Line.Parse(args);
            var url = new Uri(line.Address(), line.Ready ? "/readyz" : "/healthz");
            // No certificate covers the local address, so it is not validated there.
            using var handler = new SocketsHttpHandler { UseProxy = false };
            handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, errors) =>
                line.Url is null || errors == SslPolicyErrors.None;
            using var http = new HttpClient(handler) { Timeout = Patience };
            using var response = await http.GetAsync(url);
            await output.WriteLineAsync($"{url}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}");
            return response.StatusCode == HttpStatusCode.OK ? 0 : 1;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or ConfigurationException or FormatException)
        {
            await output.WriteLineAsync(e is OperationCanceledException ? $"No answer within {Patience.TotalSeconds:0} s." : e.Message);
            return 1;
        }
    }

    /// <summary>The address of a listener from its own machine.</summary>
    internal static Uri Reach(BindingAddress listener)
    {
        var address = IPAddress.TryParse(listener.Host.Trim('[', ']'), out var ip) && !ip.Equals(IPAddress.Any)
            && !ip.Equals(IPAddress.IPv6Any)
            ? listener.Host
            : "localhost";
        return new Uri($"{listener.Scheme}://{address}:{listener.Port}");
    }

    private sealed record Line(bool Ready, string? Url, string[] Rest)
    {
        public static Line Parse(string[] args)
        {
            var (ready, url, rest) = (false, (string?)null, new List<string>());
            for (var i = 0; i < args.Length; i++)
            {
                if (args[i] == "--ready") ready = true;
                else if (args[i] == "--url" && i + 1 < args.Length) url = args[++i];
                else rest.Add(args[i]);
            }

            return new Line(ready, url, [.. rest]);
        }

        /// <summary>
        /// Reads only the one key. The gateway reports errors in the others; they are no reason for an orchestrator to kill it.
        /// </summary>
        public Uri Address()
        {
            if (Url is not null)
                return Uri.TryCreate(Url, UriKind.Absolute, out var given)
                    ? given
                    : throw new ConfigurationException("--url", Url, "is not an absolute URL");
            var configured = GatewayConfiguration.Load(StartOptions.Parse(Rest))["Durable:Listeners:Control"];
            return Reach(BindingAddress.Parse(string.IsNullOrWhiteSpace(configured) ? SettingsBinder.DefaultControl : configured.Trim()));
        }
    }
}
