# The sample service of compose.yaml, without the gateway that it brings along otherwise.
FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0-noble AS build
WORKDIR /src
COPY . ./
RUN dotnet publish sdk-client/samples/TripBooker/TripBooker.csproj --configuration Release -p:UseAppHost=false --output out/app

FROM mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled
ENV DOTNET_EnableDiagnostics=0 \
    ASPNETCORE_HTTP_PORTS=
COPY --from=build /src/out/app/ /app/
USER 1654:1654
EXPOSE 5000
ENTRYPOINT ["dotnet", "/app/TripBooker.dll", "--gateway", "none", "--urls", "http://*:5000"]
