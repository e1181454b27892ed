using DurableGateway.Configuration;
using DurableGateway.Storage;
using Microsoft.AspNetCore.Connections;

namespace DurableGateway.Hosting;

/// <summary>Explains errors of the start in plain words.</summary>
internal static class StartErrors
{
    /// <returns><see langword="null"/> if the error is not one of configuration, so that its stack trace is printed.</returns>
    public static string? Explain(Exception error) => error switch
    {
        NothingToProxyException or DamagedStoreException => error.Message,
        ConfigurationException wrong =>
            "The configuration cannot be used:" + string.Concat(wrong.Errors.Select(each => $"{Environment.NewLine}  {each}")),
        IOException { InnerException: AddressInUseException } io =>
            $"The configuration cannot be used:{Environment.NewLine}  Durable:Listeners: {io.Message.TrimEnd('.')}. Stop the other "
            + "process, or choose another port with --Durable:Listeners:Public or --Durable:Listeners:Control.",
        System.Net.Sockets.SocketException socket =>
            $"The configuration cannot be used:{Environment.NewLine}  Durable:Listeners: {socket.Message.TrimEnd('.')}. Choose an address "
            + "of this machine, and a port that this user may bind.",
        AggregateException many when many.InnerExceptions.Count > 0 => ExplainAll(many),
        _ => null,
    };

    /// <summary>YARP collects its own errors of routes and clusters in one exception.</summary>
    private static string? ExplainAll(AggregateException many) =>
        many.Flatten().InnerExceptions.All(inner => inner is ArgumentException)
            ? "The configuration cannot be used:"
                + string.Concat(many.Flatten().InnerExceptions.Select(inner => $"{Environment.NewLine}  ReverseProxy: {inner.Message}"))
            : Explain(many.Flatten().InnerExceptions[0]);
}
