using DurableGateway.Storage;

namespace DurableGateway.Admin;

/// <summary>
/// The probes. A node is alive while the process answers, and ready while the store answers. A node with a full store stays ready: it
/// still serves plain traffic, results and existing runs.
/// </summary>
internal static class Health
{
    public static bool IsProbe(PathString path) => path == "/healthz" || path == "/readyz";

    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/healthz", () => Microsoft.AspNetCore.Http.Results.Text("alive"));
        routes.MapGet("/readyz", (StoreConnection store) => store.IsReady
            ? Microsoft.AspNetCore.Http.Results.Text(store.Capacity is { IsFull: true }
                ? "ready; the store is full, and new runs are refused"
                : "ready")
            : Microsoft.AspNetCore.Http.Results.Text("the store does not answer", statusCode: StatusCodes.Status503ServiceUnavailable));
    }
}
